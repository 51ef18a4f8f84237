import Foundation
import MPI
import Synchronization

/// The wish that a run ends in good order before its last round: SIGUSR1, which Slurm can send some time before a job's
/// limit, SIGTERM, which it sends when a job is cancelled, or a limit of time of the run's own.
package enum StopRequest {
    private static let isReceived = Atomic<Bool>(false)
    /// When the run is to have ended, in monotonic seconds; infinite without a limit.
    private static let deadline = Mutex(Double.infinity)

    /// From now on these signals do not end the process; they are remembered.
    /// - Parameter hours: the run's limit of time from now; nil: none.
    package static func listen(hours: Double? = nil) {
        deadline.withLock { $0 = hours.map { monotonicSeconds() + 3600 * $0 } ?? .infinity }
        // A handler may not make what it changes.
        isReceived.store(false, ordering: .relaxed)
        for number in [SIGUSR1, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in StopRequest.isReceived.store(true, ordering: .relaxed) }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
    }

    /// Whether a rank has received one, or would pass its limit of time with what comes next; the same on all ranks, which
    /// all ask at the same time.
    /// - Parameter next: seconds that the next round may take.
    package static func isAgreed(by rank: RankContext, next: Double) throws(MPIError) -> Bool {
        let isLate = deadline.withLock { monotonicSeconds() + next > $0 }
        let here: Int64 = isReceived.load(ordering: .relaxed) || isLate ? 1 : 0
        return try rank.communicate { ranks throws(MPIError) in try ranks.allReduce(here, .maximum) } > 0
    }
}
