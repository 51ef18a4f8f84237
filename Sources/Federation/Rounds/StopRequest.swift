import Foundation
import MPI
import Synchronization

/// The wish that a run ends in good order before its last round: SIGUSR1, which Slurm can send some time before a job's
/// limit, or SIGTERM, which it sends when a job is cancelled.
package enum StopRequest {
    private static let isReceived = Atomic<Bool>(false)

    /// From now on these signals do not end the process; they are remembered.
    package static func listen() {
        // A handler may not make what it changes.
        isReceived.store(false, ordering: .relaxed)
        for number in [SIGUSR1, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in StopRequest.isReceived.store(true, ordering: .relaxed) }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
    }

    /// Whether a rank has received one; the same on all ranks, which all ask at the same time.
    package static func isAgreed(by rank: RankContext) throws(MPIError) -> Bool {
        let here: Int64 = isReceived.load(ordering: .relaxed) ? 1 : 0
        return try rank.communicate { ranks throws(MPIError) in try ranks.allReduce(here, .maximum) } > 0
    }
}
