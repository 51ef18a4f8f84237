import FedCRLD
import FederatedLearning
import Federation
import Foundation
import MPI
import NeuralNetwork
import Tensors

/// Contrastive re-localization on the root against the same in the client's process.
func federationRelocalizationChecks() -> [RankCheck] {
    [
        check("CRL on the root gives the bits of CRL at the client, for centers of any shape, in step or not") {
            world in
            guard world.size > 1 else { return }
            let rank = RankContext(world)
            for round in 1...2 {
                guard rank.isRoot else {
                    try trainAndCompare(rank, round: round)
                    try RootChannel.finish(rank)
                    continue
                }
                let store = exampleStore()
                let server = ModuleServer(
                    rank, store: store, centers: ExampleCenter.all.map(\.name), methods: ExampleCenter.methods)
                var prepared: [String: Int] = [:]
                var stepped: [String: Int] = [:]
                try server.serve(
                    prepare: { prepared[$1.center, default: 0] += 1 }, stepped: { stepped[$1.center, default: 0] += 1 })
                for center in ExampleCenter.all {
                    let alone = LocalRelocalization(center)
                    for step in 0..<center.steps(round) { try center.run(step, round, alone) }
                    let state = try store.state(of: center.name)
                    let bank = MomentumBank(state, part: FedCRLDMethod.relocalizationPart)
                    expect(bits(bank) == bits(alone.parameters), "\(center.name), round \(round)")
                    expect(
                        prepared[center.name] == 1, "\(center.name) was prepared \(prepared[center.name] ?? 0) times")
                    expect(stepped[center.name] == center.steps(round), "\(center.name): \(stepped)")
                }
            }
        },
        check("a phase in which no rank asks for anything ends at once") { world in
            guard world.size > 1 else { return }
            let rank = RankContext(world)
            guard rank.isRoot else { return try RootChannel.finish(rank) }
            try ModuleServer(
                rank, store: exampleStore(), centers: ExampleCenter.all.map(\.name), methods: ExampleCenter.methods
            ).serve(prepare: { expect(false, "\($1.center) was prepared") })
        },
    ]
}

/// Trains the centers of this rank, each with its module on the root and with one here, and compares what comes back.
private func trainAndCompare(_ rank: RankContext, round: Int) throws {
    for (index, center) in ExampleCenter.all.enumerated() where index % (rank.size - 1) == rank.rank - 1 {
        let remote = RemoteRelocalization(
            RootChannel(rank, center: index, operations: ExampleCenter.method.operations))
        let local = LocalRelocalization(center)
        for step in 0..<center.steps(round) {
            let (theirs, ours) = (try center.run(step, round, remote), try center.run(step, round, local))
            expect(theirs == ours, "\(center.name), round \(round), step \(step)")
        }
    }
}

private func exampleStore() -> CenterStore {
    CenterStore(
        folder: RunFolder(FileManager.default.temporaryDirectory.path + "/no-run-\(UUID().uuidString)"),
        methods: ExampleCenter.methods, parts: [FedCRLDMethod.relocalizationPart], seed: ExampleCenter.seed,
        capacity: ExampleCenter.all.count, baseline: nil, disk: DiskQueue(limit: 1 << 20))
}

/// A center as the root sees it: bottlenecks of one shape, a number of steps.
private struct ExampleCenter {
    let name: String
    let depth: Int
    let height: Int
    let width: Int
    let volumes: Int

    static let all = [
        ExampleCenter(name: "a", depth: 3, height: 4, width: 4, volumes: 3),
        ExampleCenter(name: "b", depth: 1, height: 1, width: 1, volumes: 7),
        ExampleCenter(name: "c", depth: 4, height: 2, width: 5, volumes: 1),
        ExampleCenter(name: "d", depth: 2, height: 6, width: 3, volumes: 5),
        ExampleCenter(name: "e", depth: 1, height: 8, width: 2, volumes: 2),
    ]
    static let network = ClientNetwork(width: 4, classes: 4)
    static let seed: UInt64 = 5
    static let method: FedCRLDMethod = {
        var settings = TrainingSettings()
        settings.width = network.width
        settings.learningRate = 1e-3
        guard
            let method = try? FedCRLDMethod(
                settings, heads: [network.classes], population: Population(centers: all.count, hasEqualClasses: true))
        else { preconditionFailure("the settings are the method's own") }
        return method
    }()
    static let methods: [String: any FederatedMethod] = Dictionary(uniqueKeysWithValues: all.map { ($0.name, method) })

    /// Other numbers in another round, so that another rank is the last.
    func steps(_ round: Int) -> Int { round == 1 ? volumes : 8 - volumes }

    /// The four calls of a step, every other one followed by that of a prediction; the bits of all that they return.
    @discardableResult
    func run(_ step: Int, _ round: Int, _ service: some RelocalizationService) throws -> [[UInt32]] {
        var random = RandomStream(seed: Self.seed, purpose: "bottlenecks/\(name)", round, step)
        func tensor(channels: Int) -> Tensor {
            let shape = Shape(depth: depth, height: height, width: width, channels: channels)
            return Tensor(shape, values: (0..<shape.count).map { _ in Float(random.uniform(in: -1...1)) })
        }
        func bottlenecks() -> Bottlenecks {
            Bottlenecks(
                server: tensor(channels: 16 * Self.network.width), client: tensor(channels: 16 * Self.network.width))
        }
        func gradient() -> Tensor { tensor(channels: 32 * Self.network.width) }
        let pair = try service.relocalize(teacher: bottlenecks(), student: bottlenecks())
        let network = try service.backwardStudent(gradient())
        let bank = try service.relocalizeTeacher(bottlenecks())
        let bankGradients = try service.backwardTeacher(gradient())
        var results = [
            pair.teacher, pair.student, network.server, network.client, bank, bankGradients.server,
            bankGradients.client,
        ]
        if step % 2 == 1 { results.append(try service.infer(bottlenecks())) }
        return results.map { $0.array.map(\.bitPattern) }
    }
}

extension LocalRelocalization {
    /// The module of a center in this process, before its first step.
    fileprivate convenience init(_ center: ExampleCenter) {
        let method = ExampleCenter.method
        let part = FedCRLDMethod.relocalizationPart
        let state = method.state(of: center.name, parts: [part], seed: ExampleCenter.seed)
        self.init(ExampleCenter.network.relocalization, MomentumBank(state, part: part), method.settings)
    }
}

/// The bit patterns of a module's parameters, bank and optimizers.
private func bits(_ bank: MomentumBank) -> [[UInt32]] {
    [
        bank.student, bank.teacher, bank.studentOptimizer.firstMoment, bank.studentOptimizer.secondMoment,
        bank.teacherOptimizer.firstMoment, bank.teacherOptimizer.secondMoment,
    ].map { $0.array.map(\.bitPattern) } + [
        (bank.studentOptimizer.steps + bank.teacherOptimizer.steps).map { UInt32($0) }
    ]
}
