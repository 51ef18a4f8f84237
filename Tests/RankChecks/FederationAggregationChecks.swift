import FedCRLD
import Federation
import MPI
import NeuralNetwork
import Tensors

/// The server's model: what is summed over the centers, and what reaches them.
func federationAggregationChecks() -> [RankCheck] {
    [
        check("the average over the centers has the bits that one process computes, whoever hosts them") { world in
            for prefixes in [["global_encoder"], ["global_encoder.level2", "relocalization", "decoder.stage1"]] {
                let federation = try ExampleFederation(prefixes: prefixes)
                let alone = try federation.sums(of: federation.centers.indices)
                for shift in 0..<world.size {
                    let model = federation.model()
                    let hosted = federation.centers.indices.filter { ($0 + shift) % world.size == world.rank }
                    var sums = try federation.sums(of: hosted.reversed())
                    try model.aggregate(&sums, world)
                    guard world.rank == 0 else { continue }
                    let expected = federation.model()
                    for (part, sum) in alone { sum.write(to: expected.values(part)) }
                    expect(bits(model) == bits(expected), "\(prefixes), shift \(shift)")
                    expect(bits(model) != bits(federation.model()), "\(prefixes): nothing was summed")
                }
            }
        },
        check("the average is that of the values, to float32's precision") { world in
            let federation = try ExampleFederation(prefixes: ["global_encoder"])
            let model = federation.model()
            let hosted = federation.centers.indices.filter { $0 % world.size == world.rank }
            var sums = try federation.sums(of: hosted)
            try model.aggregate(&sums, world)
            guard world.rank == 0 else { return }
            for entry in model.entries(.client) {
                for index in entry.range {
                    let mean = federation.centers.indices.reduce(0.0) {
                        $0 + federation.weights[$1] * Double(federation.centers[$1].part(.client).network.base[index])
                    }
                    let difference = abs(Double(model.values(.client).base[index]) - mean)
                    expect(difference <= 0x1p-24 * abs(mean) + 0x1p-37, "\(entry.name): off by \(difference)")
                }
            }
        },
        check("a broadcast brings the federated values of the root to all ranks, and nothing else") { world in
            let federation = try ExampleFederation(prefixes: ["local_encoder.level1", "relocalization.norm"])
            let model = federation.model()
            let root = federation.model()
            for part in CenterState.Part.allCases {
                for index in 0..<model.values(part).count {
                    root.values(part).base[index] = Float(index % 1009)
                    model.values(part).base[index] = world.rank == 0 ? Float(index % 1009) : -1
                }
            }
            try model.broadcast(world)
            expect(bits(model) == bits(root))
            guard world.rank > 0 else { return }
            for part in CenterState.Part.allCases {
                let federated = Set(model.entries(part).flatMap(\.range))
                let rest = (0..<model.values(part).count).filter { !federated.contains($0) }
                expect(rest.allSatisfy { model.values(part).base[$0] == -1 }, "\(part)")
            }
        },
    ]
}

/// Five centers with different weights and numbers of classes, whose parameters differ.
private struct ExampleFederation {
    let prefixes: [String]
    let centers: [CenterState]
    let weights = [0.1, 0.3, 0.05, 0.25, 0.3]

    init(prefixes: [String]) throws {
        self.prefixes = prefixes
        centers = (0..<5).map { index in
            CenterState(
                name: "center-\(index)", network: ClientNetwork(width: 4, classes: 3 + index % 2),
                parts: CenterState.Part.allCases, seed: UInt64(100 + index))
        }
    }

    func model() -> GlobalModel {
        GlobalModel(networks: centers.map(\.network), prefixes: prefixes, seed: 1)
    }

    /// The sums of some centers, added in that order.
    func sums(of indices: some Sequence<Int>) throws -> [CenterState.Part: ExactSum] {
        var sums = model().emptySums()
        for index in indices {
            for (part, bank) in centers[index].orderedParts {
                try sums[part]?.add(bank.network, weight: weights[index], center: centers[index].name)
            }
        }
        return sums
    }
}

/// The bit patterns of a model's federated values.
private func bits(_ model: GlobalModel) -> [[UInt32]] {
    CenterState.Part.allCases.map { part in
        model.entries(part).flatMap { $0.range.map { model.values(part).base[$0].bitPattern } }
    }
}
