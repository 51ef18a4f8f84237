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
    let cohorts: [Cohort]
    let volumes: [Int]
    let store: CenterStore
    /// On the root, where that keeps a part of the centers' states: that part, and who computes with it.
    let modules: CenterStore?
    let moduleServer: ModuleServer?
    /// Whether the root keeps one.
    let isRemote: Bool
    let data: CenterData
    let aggregation: Aggregation
    let console: RunConsole
    let checkpoints: CheckpointWriter
    let notice: StopNotice
    let disk: DiskQueue
    /// Whether centers may go to other ranks: their states rest where every rank can read them.
    let centersMayMove: Bool
    var assignment: CenterAssignment
    /// The round in which each center was last trained, whoever hosts it.
    var trainedRounds: [Int]
    /// On the root, the measured seconds of a center's step; nil before the first.
    var stepSeconds: [Double?]
    private let lease: RunLease?
    private let firstRound: Int
    /// What was done of the first round before this process began.
    private let firstProgress: RoundProgress?

    /// Prepares a run on all ranks.
    /// - Parameters:
    ///   - cohorts: all centers', by name; the same on all ranks. Images are opened by the ranks that host them.
    ///   - checkpoint: the one to continue from; nil for a new run.
    ///   - initial: a checkpoint's folder, of any run of the same width, whose server model a new run starts from.
    ///   - lease: on the root, the right to write into the folder.
    ///   - dataFiles: on the root, the files that record what the data is, as manifests list them.
    package init(
        rank: RankContext, configuration: Configuration, folder: RunFolder, cohorts: [Cohort], checkpoint: Manifest?,
        initial: String? = nil, options: RunOptions = RunOptions(), lease: RunLease? = nil,
        dataFiles: [String: DurableFile.Fingerprint] = [:]
    ) throws {
        self.lease = lease
        self.rank = rank
        self.configuration = configuration
        self.folder = folder
        self.cohorts = cohorts
        volumes = cohorts.map { $0.cases(in: .train).count }
        assignment = CenterAssignment(volumes: volumes, ranks: rank.size)
        trainedRounds = cohorts.map { checkpoint?.banks[$0.center] ?? 0 }
        stepSeconds = cohorts.map { _ in nil }
        firstRound = (checkpoint?.round ?? 0) + 1
        firstProgress = checkpoint?.progress
        notice = StopNotice(rank, options)
        centersMayMove = configuration.balance && options.scratch == nil

        let methods = try configuration.methods(of: cohorts)
        guard let first = cohorts.first, let method = methods[first.center] else {
            preconditionFailure("a federation has centers")
        }
        aggregation = Aggregation(method, centers: cohorts.count, seed: configuration.seed, isRoot: rank.isRoot)

        let remotePart = rank.size > 1 ? method.remotePart : nil
        isRemote = remotePart != nil
        let capacity = configuration.residentCenters
        let disk = DiskQueue(limit: MemoryEstimate.stagingLimit(Array(methods.values)))
        self.disk = disk
        func makeStore(_ parts: [StatePart], _ capacity: Int) -> CenterStore {
            CenterStore(
                folder: folder, working: options.scratch.map { folder.working(scratch: $0) }, methods: methods,
                parts: parts, seed: configuration.seed, capacity: capacity, baseline: checkpoint, disk: disk)
        }
        store = makeStore(method.parts.filter { $0 != remotePart }, capacity)
        data = try CenterData(configuration, capacity: capacity, warn: Messages.warn)
        if let remotePart, rank.isRoot {
            // Every rank may be in the middle of a step with a center of its own.
            let modules = makeStore([remotePart], max(capacity, rank.size))
            self.modules = modules
            moduleServer = ModuleServer(rank, store: modules, centers: cohorts.map(\.center), methods: methods)
        } else {
            modules = nil
            moduleServer = nil
        }
        console = try RunConsole(
            rank: rank, configuration: configuration, terms: method.terms, folder: folder, finished: firstRound - 1,
            isQuiet: options.isQuiet)
        checkpoints = CheckpointWriter(
            rank, folder: folder, configuration: configuration, disk: disk, store: store,
            modules: modules, aggregation: aggregation, placement: method.remotePart == nil ? "client" : "root",
            pinned: checkpoint?.position, lease: lease,
            dataFiles: dataFiles)
        if rank.isRoot, let source = checkpoint.map({ folder.checkpoint($0.position) }) ?? initial {
            try aggregation.read(
                checkpoint: source, width: configuration.width, continues: checkpoint != nil)
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
        rank.communicator.whileWaiting = { [weak self] () throws(MPIError) in try self?.look() }
        // What fails here fails again in the next collective, which says so.
        let answer = { [weak self] () -> Void in try? self?.rank.communicator.attend() }
        (disk.whileWaiting, data.whileWaiting) = (answer, answer)
        defer {
            rank.communicator.whileWaiting = {}
            (disk.whileWaiting, data.whileWaiting) = ({}, {})
        }
        var metricsFailure: (any Error)?
        checkpoints.published = { [console, notice] checkpoint in
            notice.note(checkpoint: checkpoint.seconds)
            for problem in checkpoint.problems { Messages.warn(problem) }
            do { try console.published(checkpoint) } catch { metricsFailure = error }
        }
        let last = configuration.rounds
        for round in stride(from: firstRound, through: last, by: 1) {
            rank.communicator.context = "round \(round)"
            let isCheckpointed = round % configuration.checkpoint.every == 0 || round == last
            let progress = round == firstRound ? firstProgress : nil
            let ending = try train(round, continuing: progress ?? RoundProgress(), isCheckpointed: isCheckpointed)
            if let metricsFailure { throw metricsFailure }
            guard ending.isComplete else { return try stop(in: round, ending.progress) }
            let stops = ending.stops && round < last
            if stops { return try stop(after: round) }
            if isCheckpointed {
                try rank.clock.measure(.checkpoint) {
                    try checkpoints.begin(RunPosition(round: round), centers: hosted)
                }
            }
            if configuration.evaluateEvery > 0, round % configuration.evaluateEvery == 0, round != last {
                let scores = try evaluate(.test)
                if try isToStop() { return try stop(after: round) }
                try console.evaluated(round: round, scores: scores, isLast: false)
            }
        }
        rank.communicator.context = "evaluation"
        let scores = try evaluate(.test)
        // All rounds are done: what is missing is done by a resumed run.
        if try isToStop() { return try stop(after: max(last, firstRound - 1)) }
        try rank.clock.measure(.checkpoint) { try checkpoints.finish() }
        try console.evaluated(round: max(last, firstRound - 1), scores: scores, isLast: true)
        try console.finish(round: max(last, firstRound - 1), phases: phases())
        try removeWorkingFiles()
        return .finished
    }

    /// The names of the centers that this rank computes for now.
    var hosted: [String] { assignment.centers(of: rank.rank).map { cohorts[$0].center } }

    /// What has to be seen to between two steps, and while waiting for other ranks: checkpoints, and whether to stop.
    func look() throws(MPIError) {
        try checkpoints.advance()
        if checkpoints.hasFailed { try notice.raise() }
        try notice.look()
    }

    /// The same between two steps, where nobody else answers the ranks that wait.
    func tend() throws(MPIError) {
        try look()
        try rank.communicator.attend()
    }

    /// Whether a rank has been asked to stop; the same on all.
    private func isToStop() throws -> Bool {
        try rank.communicate { ranks throws(MPIError) in try ranks.allReduce(Int64(notice.isRaised ? 1 : 0), .maximum) }
            > 0
    }

    /// Ends between two rounds, with a checkpoint unless there is one.
    private func stop(after round: Int) throws -> Outcome {
        let position = RunPosition(round: round)
        if checkpoints.newest != position {
            try rank.clock.measure(.checkpoint) { try checkpoints.begin(position, centers: hosted) }
        }
        return try stop(at: position)
    }

    /// Ends in the middle of a round.
    private func stop(in round: Int, _ progress: RoundProgress) throws -> Outcome {
        let steps = try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(progress.steps), .sum)
        }
        let position = RunPosition(round: round - 1, steps: Int(steps))
        // Where no rank has made a step, the last checkpoint is of this position: written twice, one would take the other's
        // files.
        if checkpoints.newest != position {
            try rank.clock.measure(.checkpoint) {
                try checkpoints.begin(position, centers: hosted, progress: steps > 0 ? progress : nil)
            }
        }
        return try stop(at: position)
    }

    /// Ends with the checkpoint that has begun.
    private func stop(at position: RunPosition) throws -> Outcome {
        try rank.clock.measure(.checkpoint) { try checkpoints.finish() }
        try console.stop()
        try removeWorkingFiles()
        return .stopped(position)
    }

    /// Removes what is of no use after the run's end.
    private func removeWorkingFiles() throws {
        store.removeWorkingFiles()
        modules?.removeWorkingFiles()
        // Another run from here needs no checkpoint beyond those that are kept.
        try rank.communicate { ranks throws(MPIError) in try ranks.barrier() }
        guard rank.isRoot else { return }
        defer { lease?.release() }
        do { try DurableFile.remove(folder.working) } catch { Messages.warn("\(error); it is of no use any more") }
        if let newest = folder.positions.first, let manifest = try? Manifest.read(folder: folder.checkpoint(newest)) {
            let problems = CheckpointRetention(folder, configuration).prune(newest: manifest)
            for problem in problems { Messages.warn(problem) }
        }
    }

    /// Every rank's time by phase, on the root.
    private func phases() throws -> [[Double]]? {
        let record = rank.clock.record.map { Int64(bitPattern: $0.bitPattern) }
        let all = try rank.communicate { ranks throws(MPIError) in try ranks.gather(record) }
        return all?.map { $0.map { Double(bitPattern: UInt64(bitPattern: $0)) } }
    }
}
