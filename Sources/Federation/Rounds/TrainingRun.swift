import CardiacMR
import FederatedLearning
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
    let participants: [Participant]
    /// What all parts of the run on this rank share.
    let shared: RunEnvironment
    /// What this rank does between collectives.
    let host: any Host
    let disk: DiskQueue
    /// How contributions are added up where the server may not see them; nil where it may.
    let secureRounds: SecureRounds?
    /// What the run has released, the same on all ranks; nil where it hides nothing.
    var privacyRecord: PrivacyRecord?
    /// Whether centers may go to other ranks: their states rest where every rank can read them.
    let centersMayMove: Bool
    /// The round in which each center was last trained, whoever hosts it.
    var trainedRounds: [Int]
    /// On the root, the measured seconds of a center's step; nil before the first.
    var stepSeconds: [Double?]
    /// The stores of this rank's centers and, on the root, of what it holds of all of them.
    private let stores: [CenterStore]
    private let lease: RunLease?
    private let firstRound: Int
    /// What rounds' samples follow from where centers are hidden.
    let sampling: UInt64?
    /// The cases that are evaluated during the run, and whether the best checkpoint is chosen by them.
    private let split: Split
    private let selects: Bool
    private var selection: ModelSelection
    private let evaluatesTest: Bool
    /// What was done of the first round before this process began.
    private let firstProgress: RoundProgress?

    /// Values that go to every rank in a round, and of which the sums come back.
    package var exchangedValues: Int {
        shared.aggregation.server.contents.reduce(0) { $0 + $1.ranges.reduce(0) { $0 + $1.count } }
    }

    /// Prepares a run on all ranks.
    /// - Parameters:
    ///   - cohorts: all centers', by name; the same on all ranks. Images are opened by the ranks that host them.
    ///   - checkpoint: the one to continue from; nil for a new run.
    ///   - initial: a checkpoint's folder, of any run of the same width, whose server model a new run starts from.
    ///   - lease: on the root, the right to write into the folder.
    ///   - dataFiles: on the root, the files that record what the data is, as manifests list them.
    ///   - privacy: what the run has released; nil where it hides nothing.
    init(
        rank: RankContext, configuration: Configuration, folder: RunFolder, cohorts: [Cohort], checkpoint: Manifest?,
        initial: String? = nil, options: RunOptions = RunOptions(), lease: RunLease? = nil,
        dataFiles: [String: DurableFile.Fingerprint] = [:], privacy: PrivacyRecord? = nil
    ) throws {
        self.lease = lease
        self.rank = rank
        self.configuration = configuration
        self.folder = folder
        let participants = Participant.all(cohorts, of: configuration.method)
        self.participants = participants
        trainedRounds = participants.map { checkpoint?.trainedRounds[$0.name] ?? 0 }
        stepSeconds = participants.map { _ in nil }
        firstRound = (checkpoint?.round ?? 0) + 1
        firstProgress = checkpoint?.progress
        (split, selects) = configuration.evaluation(of: cohorts)
        evaluatesTest = options.evaluatesTest
        selection = checkpoint?.selection ?? ModelSelection()
        centersMayMove = configuration.balance && options.scratch == nil

        let methods = try configuration.methods(of: participants)
        guard let first = participants.first, let method = methods[first.name] else {
            preconditionFailure("a federation has centers")
        }
        let disk = DiskQueue(limit: MemoryEstimate.stagingLimit(Array(methods.values)))
        self.disk = disk
        func makeStore(_ parts: [StatePart], _ capacity: Int) -> CenterStore {
            CenterStore(
                folder: folder, working: options.scratch.map { folder.working(scratch: $0) }, methods: methods,
                parts: parts, seed: configuration.seed, capacity: capacity, baseline: checkpoint, disk: disk)
        }
        let capacity = configuration.residentCenters
        let remotePart = rank.size > 1 ? method.remotePart : nil
        let store = makeStore(method.parts.filter { $0 != remotePart }, capacity)
        // Every rank may be in the middle of a step with a center of its own.
        let modules = rank.isRoot ? remotePart.map { makeStore([$0], max(capacity, rank.size)) } : nil
        stores = [store, modules].compactMap { $0 }

        let aggregation = Aggregation(
            method, centers: participants.count, seed: configuration.seed, isRoot: rank.isRoot)
        if let source = checkpoint.map({ folder.checkpoint($0.position) }) ?? initial {
            try rank.onRoot {
                try aggregation.read(checkpoint: source, width: configuration.width, continues: checkpoint != nil)
            }
        }
        var noise = ReleasedNoise(configuration, centers: participants.count)
        if let bound = checkpoint?.privacy?.clip { noise?.clip = bound }
        aggregation.hide(noise, losses: configuration.addsUpReports ? method.terms.count : 0)
        privacyRecord = privacy
        sampling = privacy.flatMap { $0.sampling(configuration) }
        let shared = RunEnvironment(
            rank: rank, configuration: configuration, participants: participants, store: store,
            data: try CenterData(configuration, capacity: capacity, warn: Messages.warn), aggregation: aggregation,
            console: try RunConsole(
                isRoot: rank.isRoot, silentRank: rank.isRoot || remotePart != nil ? nil : rank.rank,
                configuration: configuration, terms: method.terms, folder: folder,
                finished: firstRound - 1, validated: selects ? selection.evaluated : nil, isQuiet: options.isQuiet),
            checkpoints: CheckpointWriter(
                rank, folder: folder, configuration: configuration, disk: disk, store: store, modules: modules,
                aggregation: aggregation, placement: method.remotePart == nil ? "client" : "root",
                members: Participant.members(of: participants),
                baseline: checkpoint, lease: lease, dataFiles: dataFiles),
            notice: StopNotice(rank, options))
        self.shared = shared
        secureRounds =
            configuration.masksSomething(method)
            ? SecureRounds(rank, configuration, participants, parts: store.parts) : nil
        if let modules {
            host = ModuleHost(shared, modules, methods: methods)
        } else {
            host = CenterHost(shared, isRemote: remotePart != nil)
        }
        if rank.isRoot, let old = checkpoint?.build {
            let differences = BuildInformation.current.differences(from: old)
            if !differences.isEmpty {
                Messages.warn(
                    "the last bits may differ from here on, because the checkpoint is another build's or machine's: "
                        + differences.joined(separator: "; "))
            }
        }
    }

    /// How a run ended.
    package enum Outcome: Sendable, Equatable {
        /// All rounds are done.
        case finished
        /// It was asked to stop, and did with a checkpoint of this position.
        case stopped(RunPosition)
    }

    /// Runs the rounds that are left, evaluates, and prints the tables on the root. Stops at the next step after a rank
    /// received a ``StopRequest``, or where another step would pass the limit of time.
    package func run() throws -> Outcome {
        rank.communicator.whileWaiting = { [weak self] () throws(MPIError) in try self?.shared.keepUp() }
        // What fails here fails again in the next collective, which says so.
        let answer = { [weak self] () -> Void in try? self?.rank.communicator.attend() }
        (disk.whileWaiting, shared.data.whileWaiting) = (answer, answer)
        defer {
            rank.communicator.whileWaiting = {}
            (disk.whileWaiting, shared.data.whileWaiting) = ({}, {})
        }
        var metricsFailure: (any Error)?
        shared.checkpoints.published = { [console = shared.console, notice = shared.notice] checkpoint in
            notice.note(checkpoint: checkpoint.seconds)
            for problem in checkpoint.problems { Messages.warn(problem) }
            do { try console.published(checkpoint) } catch { metricsFailure = error }
        }
        shared.checkpoints.selection = checkpointed
        shared.checkpoints.released = released
        let last = configuration.rounds
        var end = max(last, firstRound - 1)
        // What was stopped between a round and its evaluation is evaluated first.
        if firstProgress == nil, selects, firstRound > 1, isEvaluated(firstRound - 1),
            selection.evaluated < firstRound - 1
        {
            guard let isBest = try validate(after: firstRound - 1) else { return try stop(after: firstRound - 1) }
            // Its checkpoint is there already.
            if isBest, rank.isRoot { try folder.note(best: RunPosition(round: firstRound - 1)) }
        }
        if selection.isExhausted(patience: configuration.patience) || isBudgetSpent { end = firstRound - 1 }
        for round in stride(from: firstRound, through: end, by: 1) {
            rank.communicator.context = "round \(round)"
            let isCheckpointed = round % configuration.checkpoint.every == 0 || round == last
            let progress = round == firstRound ? firstProgress : nil
            let ending = try train(round, continuing: progress ?? RoundProgress(), isCheckpointed: isCheckpointed)
            if let metricsFailure { throw metricsFailure }
            guard ending.isComplete else { return try stop(in: round, ending.progress) }
            let stops = ending.stops && round < last
            if stops { return try stop(after: round) }
            guard let isEnd = try conclude(round, isCheckpointed: isCheckpointed) else { return try stop(after: round) }
            guard !isEnd else {
                end = round
                break
            }
        }
        if end < last {
            let why =
                isBudgetSpent
                ? "another would pass the privacy budget of epsilon \(configuration.privacy.differential.epsilon)"
                : "\(configuration.patience) rounds have brought no better validation Dice"
            shared.console.note("the run ends after round \(end) of \(last): \(why)")
        }
        rank.communicator.context = "evaluation"
        let scores = evaluatesTest ? try evaluate(.test, after: end) : nil
        // All rounds are done: what is missing is done by a resumed run.
        if try isToStop() { return try stop(after: end) }
        try rank.clock.measure(.checkpoint) { try shared.checkpoints.finish() }
        if evaluatesTest {
            try shared.console.evaluated(round: end, .test, scores: scores, best: selection.best, isLast: true)
        }
        if let released { shared.console.note(released.text) }
        try shared.console.finish(round: end, phases: phases())
        try removeWorkingFiles()
        return .finished
    }

    /// Evaluates after a round where that is due, and begins a checkpoint, of the best round in any case.
    /// - Returns: whether the run ends here, because its patience does; nil where it is to stop.
    private func conclude(_ round: Int, isCheckpointed: Bool) throws -> Bool? {
        var isBest = false
        if isEvaluated(round) {
            guard let isBetter = try validate(after: round) else { return nil }
            isBest = isBetter
        }
        let isEnd = selection.isExhausted(patience: configuration.patience) || isBudgetSpent
        if isCheckpointed || isBest || isEnd {
            try rank.clock.measure(.checkpoint) {
                try shared.checkpoints.begin(RunPosition(round: round), centers: shared.hosted)
            }
        }
        return isEnd
    }

    /// Whether cases are evaluated after a round. By test cases nothing is chosen, and those of the last round are evaluated
    /// in any case.
    private func isEvaluated(_ round: Int) -> Bool {
        let (every, isLast) = (configuration.evaluateEvery, round == configuration.rounds)
        return every > 0 && (isLast ? selects : round % every == 0)
    }

    /// Evaluates the cases of the run's split; by those of validation the best round is chosen.
    /// - Returns: whether the round is the best so far; nil where the run is to stop, and nothing is known.
    private func validate(after round: Int) throws -> Bool? {
        let scores = try evaluate(split, after: round)
        if try isToStop() { return nil }
        var isBest = false
        if selects {
            // The root alone has the scores.
            selection.note(round: round, dice: scores.flatMap(\.summary.mean))
            selection = try rank.broadcast(selection)
            isBest = selection.best?.round == round
            shared.checkpoints.selection = checkpointed
        }
        try shared.console.evaluated(
            round: round, split, scores: scores, best: isBest ? selection.best : nil, isLast: false)
        return isBest
    }

    /// Whether another round would tell more than the run may.
    private var isBudgetSpent: Bool {
        guard let noise = shared.aggregation.noise, let privacyRecord else { return false }
        return noise.isSpent(after: privacyRecord.releases)
    }

    /// What the run has told so far; nil where it hides no centers.
    var released: ReleasedPrivacy? {
        guard let noise = shared.aggregation.noise, let privacyRecord else { return nil }
        return noise.loss(after: privacyRecord.releases)
    }

    /// What checkpoints tell of it.
    private var checkpointed: ModelSelection? { selection == ModelSelection() ? nil : selection }

    /// Ends between two rounds, with a checkpoint unless there is one.
    private func stop(after round: Int) throws -> Outcome {
        let position = RunPosition(round: round)
        if shared.checkpoints.newest != position {
            try rank.clock.measure(.checkpoint) { try shared.checkpoints.begin(position, centers: shared.hosted) }
        }
        return try stop(at: position)
    }

    /// Ends in the middle of a round.
    private func stop(in round: Int, _ progress: RoundProgress) throws -> Outcome {
        let steps = try steps(of: progress)
        let position = RunPosition(round: round - 1, steps: steps)
        // Where no rank has made a step, the last checkpoint is of this position: written twice, one would take the other's
        // files.
        if shared.checkpoints.newest != position {
            try rank.clock.measure(.checkpoint) {
                try shared.checkpoints.begin(position, centers: shared.hosted, progress: steps > 0 ? progress : nil)
            }
        }
        return try stop(at: position)
    }

    /// Ends with the checkpoint that has begun.
    private func stop(at position: RunPosition) throws -> Outcome {
        try rank.clock.measure(.checkpoint) { try shared.checkpoints.finish() }
        try shared.console.stop()
        try removeWorkingFiles()
        return .stopped(position)
    }

    /// Removes what is of no use after the run's end.
    private func removeWorkingFiles() throws {
        for store in stores { store.removeWorkingFiles() }
        try rank.communicate { ranks throws(MPIError) in try ranks.barrier() }
        guard rank.isRoot else { return }
        defer { lease?.release() }
        do { try DurableFile.remove(folder.working) } catch { Messages.warn("\(error); it is of no use any more") }
        // Nobody needs the one that this run has continued from any more.
        guard shared.checkpoints.pinned != nil else { return }
        if let newest = folder.positions.first, let manifest = try? Manifest.read(folder: folder.checkpoint(newest)) {
            let problems = CheckpointRetention(folder, configuration).prune(newest: manifest)
            for problem in problems { Messages.warn(problem) }
        }
    }
}
