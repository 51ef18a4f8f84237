import Foundation
import MPI
import Synchronization

/// The wish that a run ends in good order before its last round: SIGUSR1, which Slurm can send some time before a job's
/// limit, or SIGTERM, which it sends when a job is cancelled.
package enum StopRequest {
    private static let received = Atomic<Bool>(false)

    /// From now on these signals do not end the process; they are remembered.
    package static func listen() {
        // A handler may not make what it changes.
        received.store(false, ordering: .relaxed)
        for number in [SIGUSR1, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in StopRequest.received.store(true, ordering: .relaxed) }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
    }

    /// Whether this process has received one.
    static var isReceived: Bool { received.load(ordering: .relaxed) }
}

/// Whether the run is to stop at the next step: on every rank soon after one has a reason.
package final class StopNotice {
    private let rank: RankContext
    /// When the run is to have ended, in monotonic seconds; infinite without a limit.
    private let deadline: Double
    private let hours: Double
    private var stepStart = monotonicSeconds()
    private var longestStep = 0.0
    private var longestCheckpoint = 0.0
    private var steps = 0

    /// Whether it is to stop, as far as this rank knows.
    package private(set) var isRaised = false

    /// - Parameter options: the run's, with its limit of time.
    package init(_ rank: RankContext, _ options: RunOptions) {
        self.rank = rank
        hours = options.maxHours ?? .infinity
        deadline = options.start + 3600 * hours
    }

    /// A step begins.
    func beginStep() { stepStart = monotonicSeconds() }

    /// A step has ended. Its duration tells what must be left of a limit of time.
    func endStep() {
        steps += 1
        longestStep = max(longestStep, monotonicSeconds() - stepStart)
    }

    /// A checkpoint took so many seconds.
    func note(checkpoint seconds: Double) { longestCheckpoint = max(longestCheckpoint, seconds) }

    /// Looks for reasons on this rank and for notices of others. Cheap, and to be called often.
    package func look() throws(MPIError) {
        if !(try rank.communicator.collect(.stop)).isEmpty { isRaised = true }
        if StopRequest.isReceived || isLate { try raise() }
    }

    /// Tells all ranks that the run is to stop.
    package func raise() throws(MPIError) {
        guard !isRaised else { return }
        isRaised = true
        try rank.communicator.postToOthers(.stop)
    }

    /// Whether another step and a checkpoint would not fit into the limit of time. Some step is made in any case, so that
    /// a run which is continued again and again comes to an end.
    private var isLate: Bool {
        guard deadline.isFinite, steps > 0 else { return false }
        // Until one has been written, it may take a twentieth of the time, at most a minute.
        let checkpoint = longestCheckpoint > 0 ? 1.5 * longestCheckpoint : min(60, 180 * hours)
        return monotonicSeconds() + 1.5 * longestStep + checkpoint > deadline
    }
}
