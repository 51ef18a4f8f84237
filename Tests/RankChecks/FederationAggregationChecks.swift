import FedCRLD
import FederatedLearning
import Federation
import MPI
import NeuralNetwork

/// The server's values: what is summed over the centers, and what reaches them.
func federationAggregationChecks() -> [RankCheck] {
    [
        check("the average over the centers has the bits that one process computes, whoever hosts them") { world in
            for prefixes in [["global_encoder"], ["global_encoder.level2", "relocalization", "decoder.stage1"]] {
                let federation = try ExampleFederation(prefixes: prefixes)
                let expected = try federation.aggregation(isRoot: true)
                for content in expected.server.contents {
                    var sum = ExactSum(content.values.layout, content.exchange.selection)
                    for (center, weight) in zip(federation.centers, federation.weights) {
                        try sum.add(center["network", content.part], weight: weight, center: center.center)
                    }
                    sum.write(to: content.values)
                }
                for shift in 0..<world.size {
                    let aggregation = try federation.aggregation(isRoot: world.rank == 0)
                    let hosted = federation.centers.indices.filter { ($0 + shift) % world.size == world.rank }
                    try federation.add(hosted.reversed(), to: aggregation)
                    try aggregation.aggregate(world)
                    guard world.rank == 0 else { continue }
                    expect(bits(aggregation) == bits(expected), "\(prefixes), shift \(shift)")
                    let untouched = try federation.aggregation(isRoot: true)
                    expect(bits(aggregation) != bits(untouched), "\(prefixes): nothing was summed")
                }
            }
        },
        check("the average is that of the values, to float32's precision") { world in
            let federation = try ExampleFederation(prefixes: ["global_encoder"])
            let aggregation = try federation.aggregation(isRoot: world.rank == 0)
            try federation.add(federation.centers.indices.filter { $0 % world.size == world.rank }, to: aggregation)
            try aggregation.aggregate(world)
            guard world.rank == 0 else { return }
            let content = aggregation.server.content("network")
            for entry in content.entries {
                for index in entry.range {
                    let mean = zip(federation.centers, federation.weights).reduce(0.0) {
                        $0 + $1.1 * Double($1.0["network"].values[index])
                    }
                    let difference = abs(Double(content.values.values[index]) - mean)
                    expect(difference <= 0x1p-24 * abs(mean) + 0x1p-37, "\(entry.name): off by \(difference)")
                }
            }
        },
        check("a broadcast brings the federated values of the root to all ranks, and nothing else") { world in
            let federation = try ExampleFederation(prefixes: ["local_encoder.level1", "relocalization.norm"])
            let aggregation = try federation.aggregation(isRoot: world.rank == 0)
            let root = try federation.aggregation(isRoot: true)
            for (content, other) in zip(aggregation.server.contents, root.server.contents) {
                for index in 0..<content.values.count {
                    other.values.values[index] = Float(index % 1009)
                    content.values.values[index] = world.rank == 0 ? Float(index % 1009) : -1
                }
            }
            try aggregation.broadcast(world)
            expect(bits(aggregation) == bits(root))
            guard world.rank > 0 else { return }
            for content in aggregation.server.contents {
                let federated = Set(content.entries.flatMap(\.range))
                let rest = (0..<content.values.count).filter { !federated.contains($0) }
                expect(rest.allSatisfy { content.values.values[$0] == -1 }, "\(content.part)")
            }
        },
        check("a server that sends ranks different values is found out by all") { world in
            let example = try ExampleFederation(prefixes: ["global_encoder"])
            let aggregation = try example.aggregation(isRoot: world.rank == 0)
            let context = RankContext(world)
            try aggregation.requireSameBroadcast(context)
            guard world.size > 1 else { return }
            for liar in 0..<world.size {
                let content = aggregation.server.content("network")
                let place = content.ranges[0].lowerBound
                let value = content.values.values[place]
                // The last bit of one value, at one rank.
                if world.rank == liar { content.values.values[place] = value.nextUp }
                do {
                    try aggregation.requireSameBroadcast(context)
                    expect(false, "rank \(liar) has other values, and nobody sees it")
                } catch let failure as AgreedFailure {
                    expect(failure.exitStatus == 1)
                    expect(failure.error?.reason.contains("different values") ?? (world.rank > 0))
                }
                content.values.values[place] = value
            }
        },
    ]
}

/// Five centers with different weights and numbers of classes, whose parameters differ.
private struct ExampleFederation {
    let centers: [CenterState]
    let weights = [0.1, 0.3, 0.05, 0.25, 0.3]
    private let methods: [FedCRLDMethod]

    init(prefixes: [String]) throws {
        var settings = TrainingSettings()
        settings.width = 4
        settings.own[FedCRLDMethod.parts] = prefixes
        methods = try (0..<5).map { index in
            try FedCRLDMethod(
                settings, heads: [3 + index % 2], population: Population(centers: 5, hasEqualClasses: false))
        }
        centers = methods.enumerated().map { index, method in
            method.state(of: "center-\(index)", seed: UInt64(100 + index))
        }
    }

    func aggregation(isRoot: Bool) throws -> Aggregation {
        Aggregation(methods[0], centers: centers.count, seed: 1, isRoot: isRoot)
    }

    /// Adds some centers, in that order.
    func add(_ indices: some Sequence<Int>, to aggregation: Aggregation) throws {
        for index in indices { try aggregation.add(centers[index], weight: weights[index]) }
    }
}

/// The bit patterns of the values that are sent.
private func bits(_ aggregation: Aggregation) -> [[UInt32]] {
    aggregation.server.contents.map { content in
        content.entries.flatMap { $0.range.map { content.values.values[$0].bitPattern } }
    }
}
