import CardiacMR
import FedCRLD
import Foundation
import MPI
import NeuralNetwork
import Tensors

/// A federated run: rounds of broadcast, local training and aggregation, with evaluations and checkpoints
/// (`method.md`, "Federated round").
///
/// Rank 0 is the server; the other ranks host the centers. A run of one rank is both.
package final class TrainingRun {
    let rank: RankContext
    /// The run's.
    package let configuration: Configuration
    /// Where it is.
    package let folder: RunFolder
    let cohorts: [Cohort]
    private let volumes: [Int]
    private let hosted: [Int]
    private let store: CenterStore
    private let relocalizations: CenterStore?
    private let data: CenterData
    private let model: GlobalModel
    private let server: RelocalizationServer?
    private let firstRound: Int
    private let console: RunConsole

    /// Prepares a run on all ranks.
    /// - Parameters:
    ///   - cohorts: all centers', by name; the same on all ranks. Images are opened by the ranks that host them.
    ///   - checkpoint: the one to continue from; nil for a new run.
    ///   - initial: a checkpoint's folder, of any run of the same width, whose server model a new run starts from.
    package init(
        rank: RankContext, configuration: Configuration, folder: RunFolder, cohorts: [Cohort], checkpoint: Manifest?,
        initial: String? = nil
    ) throws {
        self.rank = rank
        self.configuration = configuration
        self.folder = folder
        self.cohorts = cohorts
        volumes = cohorts.map { $0.cases(in: .train).count }
        let assignment = CenterAssignment(volumes: volumes, ranks: rank.size)
        hosted = assignment.centers(of: rank.rank)
        firstRound = (checkpoint?.round ?? 0) + 1
        let networks = cohorts.map { configuration.network(classes: $0.classes.count) }
        model = GlobalModel(networks: networks, prefixes: configuration.aggregation.parts, seed: configuration.seed)

        let remote = configuration.crl.placement == .root && rank.size > 1
        let capacity = configuration.residentCenters
        func store(_ centers: [Int], _ parts: [CenterState.Part], _ capacity: Int) -> CenterStore {
            CenterStore(
                folder: folder,
                networks: Dictionary(uniqueKeysWithValues: centers.map { (cohorts[$0].center, networks[$0]) }),
                parts: parts, placement: configuration.crl.placement, seed: configuration.seed, capacity: capacity,
                baseline: checkpoint.map(CenterStore.Baseline.init))
        }
        self.store = store(hosted, remote ? [.client] : [.client, .relocalization], capacity)
        data = try CenterData(configuration, capacity: capacity, warn: RunConsole.warn)
        if remote, rank.isRoot {
            // Every rank may be in the middle of a step with a center of its own.
            let modules = store(Array(cohorts.indices), [.relocalization], max(capacity, rank.size))
            relocalizations = modules
            server = RelocalizationServer(
                rank, store: modules, centers: cohorts.map(\.center), settings: configuration.stepSettings)
        } else {
            relocalizations = nil
            server = nil
        }
        console = try RunConsole(rank: rank, configuration: configuration, folder: folder, finished: firstRound - 1)
        if rank.isRoot, let source = checkpoint.map({ folder.checkpoint($0.round) }) ?? initial {
            try model.read(checkpoint: source)
        }
    }

    /// How a run ended.
    package enum Outcome: Sendable, Equatable {
        /// All rounds are done.
        case finished
        /// It was asked to stop, and did with the checkpoint of this round.
        case stopped(round: Int)
    }

    /// Runs the rounds that are left, evaluates, and prints the tables on the root. Stops at the end of a round in which
    /// a rank received a ``StopRequest``, or after which another one would pass the limit of time.
    package func run() throws -> Outcome {
        let writer = CheckpointWriter(rank, folder: folder, configuration: configuration)
        let last = configuration.rounds
        var longest = 0.0
        for round in stride(from: firstRound, through: last, by: 1) {
            rank.communicator.context = "round \(round)"
            let start = monotonicSeconds()
            try train(round)
            // Its checkpoint and evaluation take time, too.
            longest = max(longest, monotonicSeconds() - start)
            let stops = try StopRequest.isAgreed(by: rank, next: 1.2 * longest) && round < last
            if stops || round % configuration.checkpoint.every == 0 || round == last {
                let manifest = try rank.clock.measure(.checkpoint) {
                    try writer.write(round: round, store: store, relocalizations: relocalizations, model: model)
                }
                store.checkpointed(.init(manifest))
                relocalizations?.checkpointed(.init(manifest))
            }
            if stops {
                try console.stop()
                if rank.isRoot { try DurableFile.remove(folder.working) }
                return .stopped(round: round)
            }
            if configuration.evaluateEvery > 0, round % configuration.evaluateEvery == 0, round != last {
                try console.evaluated(round: round, scores: evaluate(.test), isLast: false)
            }
        }
        rank.communicator.context = "evaluation"
        try console.evaluated(round: max(last, firstRound - 1), scores: evaluate(.test), isLast: true)
        try console.finish(round: max(last, firstRound - 1), phases: phases())
        if rank.isRoot { try DurableFile.remove(folder.working) }
        return .finished
    }

    // MARK: A round

    private func train(_ round: Int) throws {
        let plan = RoundPlan(
            round: round, volumes: volumes, participation: configuration.participation,
            dropout: configuration.dropout, weighting: configuration.aggregation.weights, seed: configuration.seed)
        console.begin(
            round: round, steps: plan.centers.reduce(0) { $0 + volumes[$1] } * configuration.localEpochs)
        try rank.communicate { ranks throws(MPIError) in try model.broadcast(ranks) }

        var sums = model.emptySums()
        var losses: [String: [Double]] = [:]
        if let server, let relocalizations {
            try server.serve(
                prepare: { state in
                    model.load(into: state)
                    relocalizations.begin(round: round, state)
                }, stepped: { _ in console.stepped() })
            for center in plan.centers {
                let name = cohorts[center].center
                try rank.clock.measure(.checkpoint) { try relocalizations.finish(name) }
                guard !model.entries(.relocalization).isEmpty else { continue }
                try relocalizations.withState(of: name) { try add($0, center, plan, to: &sums) }
            }
        } else {
            for center in hosted where plan.weight(of: center) != nil {
                losses[cohorts[center].center] = try train(center, plan, &sums)
            }
            if configuration.crl.placement == .root, rank.size > 1 { try RemoteRelocalization.finish(rank) }
        }
        try rank.communicate { ranks throws(MPIError) in try model.aggregate(sums, ranks) }
        try console.end(round: round, plan: plan, cohorts: cohorts, losses: losses)
    }

    private func train(
        _ center: Int, _ plan: RoundPlan, _ sums: inout [CenterState.Part: ExactSum]
    ) throws -> [Double] {
        let cohort = cohorts[center]
        rank.communicator.context = "center \(cohort.center), round \(plan.round)"
        let state = try rank.clock.measure(.checkpoint) { try store.state(of: cohort.center) }
        model.load(into: state)
        store.begin(round: plan.round, state)
        let losses = try rank.clock.measure(.compute) {
            let samples = try data.trainingSamples(cohort)
            return try LocalTraining(center: cohort.center, configuration).run(
                round: plan.round, samples: samples, state: state, relocalization: service(center, state)
            ) { losses in console.stepped(losses) }
        }
        try rank.clock.measure(.checkpoint) { try store.finish(cohort.center) }
        try add(state, center, plan, to: &sums)
        return losses
    }

    private func add(
        _ state: CenterState, _ center: Int, _ plan: RoundPlan, to sums: inout [CenterState.Part: ExactSum]
    ) throws {
        guard let weight = plan.weight(of: center) else { return }
        for (part, bank) in state.orderedParts {
            try sums[part]?.add(bank.network, weight: weight, center: cohorts[center].center)
        }
    }

    /// A center's contrastive re-localization, here or on the root.
    private func service(_ center: Int, _ state: CenterState) -> any RelocalizationService {
        guard state.parts[.relocalization] != nil else { return RemoteRelocalization(rank, center: center) }
        return LocalRelocalization(
            state.network.relocalization, state.part(.relocalization), configuration.stepSettings)
    }

    // MARK: Evaluation

    /// The scores of all centers, on the root; nil elsewhere.
    private func evaluate(_ split: Split) throws -> [CenterScore]? {
        try rank.clock.measure(.evaluate) {
            var scores: [CenterScore] = []
            if let server {
                try server.serve()
            } else {
                for center in hosted {
                    let state = try store.state(of: cohorts[center].center)
                    scores.append(
                        try Evaluation(data).score(
                            cohorts[center], split: split, state: state, relocalization: service(center, state)))
                }
                if configuration.crl.placement == .root, rank.size > 1 { try RemoteRelocalization.finish(rank) }
            }
            let gathered = try rank.communicate { [scores] ranks throws(MPIError) in
                try ranks.gatherBytes(Array((try? JSONEncoder().encode(scores)) ?? Data()))
            }
            guard let gathered else { return nil }
            return try gathered.flatMap { try JSONDecoder().decode([CenterScore].self, from: Data($0)) }
                .sorted { $0.center < $1.center }
        }
    }

    /// Every rank's time by phase, on the root.
    private func phases() throws -> [[Double]]? {
        let record = rank.clock.record.map { Int64(bitPattern: $0.bitPattern) }
        let all = try rank.communicate { ranks throws(MPIError) in try ranks.gather(record) }
        return all?.map { $0.map { Double(bitPattern: UInt64(bitPattern: $0)) } }
    }
}
