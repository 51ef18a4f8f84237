import CardiacMR
import FederatedLearning
import MPI

/// What a rank does in a round and in an evaluation between the collectives that all ranks take part in.
///
/// A rank hosts centers, or, with a method's module on the root, the root hosts the modules of all centers while the others
/// train them.
protocol Host: AnyObject {
    /// Does this rank's part of a round, up to its end or to where the run is to stop.
    /// - Parameters:
    ///   - before: what was done of the round by a process before this one.
    ///   - isCheckpointed: whether a checkpoint follows.
    func train(_ plan: RoundPlan, continuing before: RoundProgress, isCheckpointed: Bool) throws -> HostedRound
    /// Prepares for a round that follows, beside what this rank waits for.
    func lookAhead(_ plan: RoundPlan)
    /// Adds what is held here of the centers that train elsewhere to this rank's part of the sums.
    func contributeForOthers(_ plan: RoundPlan) throws
    /// Scores this rank's centers. One that is asked to stop lets its remaining cases be; what it has found is of no use then.
    func evaluate(_ split: Split) throws -> [CenterMeans]
}

extension Host {
    func lookAhead(_ plan: RoundPlan) {}
}

/// What a rank has done of a round.
struct HostedRound {
    /// How far its centers are.
    var progress = RoundProgress()
    /// What it reports of each center that has trained, where that is not added up.
    var reports: [String: CenterReport] = [:]
    /// Whether some of its centers have steps left.
    var isUnfinished = false
}

/// What a rank reports of a center's part of a round.
struct CenterReport: Codable {
    /// Mean losses of its steps, term by term.
    var losses: [Double]
    /// Seconds per step, without waiting for other ranks; nil where this process made none.
    var secondsPerStep: Double?
}

/// What all parts of a run on this rank share.
final class RunEnvironment {
    let rank: RankContext
    let configuration: Configuration
    /// Who trains: the centers, unless their data is pooled.
    let participants: [Participant]
    /// Training volumes of each.
    let volumes: [Int]
    let store: CenterStore
    let data: CenterData
    let aggregation: Aggregation
    let console: RunConsole
    let checkpoints: CheckpointWriter
    let notice: StopNotice
    var assignment: CenterAssignment

    init(
        rank: RankContext, configuration: Configuration, participants: [Participant], store: CenterStore,
        data: CenterData,
        aggregation: Aggregation, console: RunConsole, checkpoints: CheckpointWriter, notice: StopNotice
    ) {
        self.rank = rank
        self.configuration = configuration
        self.participants = participants
        volumes = participants.map(\.volumes)
        self.store = store
        self.data = data
        self.aggregation = aggregation
        self.console = console
        self.checkpoints = checkpoints
        self.notice = notice
        assignment = CenterAssignment(volumes: volumes, ranks: rank.size)
    }

    /// Steps of a center in a round.
    func steps(of center: Int) -> Int { volumes[center] * configuration.localEpochs }

    /// What trains a center.
    func method(_ center: Int) -> any FederatedMethod { store.method(of: participants[center].name) }

    /// The names of the centers that this rank computes for now.
    var hosted: [String] { assignment.centers(of: rank.rank).map { participants[$0].name } }

    /// Moves checkpoints on, and sees whether the run is to stop: to be called between two steps, and while waiting.
    func keepUp() throws(MPIError) {
        try checkpoints.advance()
        if checkpoints.hasFailed { try notice.raise() }
        try notice.look()
    }

    /// The same between two steps, where nobody else answers the ranks that wait.
    func betweenSteps() throws(MPIError) {
        try keepUp()
        try rank.communicator.attend()
    }

    /// Adds a center's contribution to this rank's part of the sums, where its update counts in the round.
    func add(_ state: CenterState, _ center: Int, _ plan: RoundPlan) throws {
        guard let weight = plan.weight(of: center) else { return }
        try aggregation.add(state, weight: weight)
    }

    /// Tells how a center's part of a round has gone: to the root, or to this rank's sums where its update counts.
    func report(_ center: Int, _ report: CenterReport, _ plan: RoundPlan, in round: inout HostedRound) {
        if !configuration.addsUpReports {
            round.reports[participants[center].name] = report
        } else if plan.weight(of: center) != nil {
            aggregation.report(losses: report.losses)
        }
    }
}
