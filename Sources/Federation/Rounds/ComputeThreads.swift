import Foundation
import MPI
import Tensors

/// How many threads a rank computes with.
package enum ComputeThreads {
    /// Cores that this process may run on: its affinity mask, as mpirun's binding or Slurm's `-c` set it.
    package static var available: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Starts the threads: as many as `configured`, or, for 0, this rank's share of the cores it may run on.
    ///
    /// Where ranks are not bound each sees all cores of the machine. The clients share them; the server, which computes
    /// only while they wait for it, takes them all.
    package static func configure(_ configured: Int, _ rank: RankContext) throws(MPIError) {
        let cores = available
        let node = Int64(bitPattern: RandomStream.hash(rank.communicator.nodeName))
        let nodes = try rank.communicate { ranks throws(MPIError) in try ranks.allGather(node) }
        let clients = nodes.dropFirst(rank.size > 1 ? 1 : 0).count { $0 == node }
        let isBound = cores < ProcessInfo.processInfo.processorCount
        let isServer = rank.isRoot && rank.size > 1
        let share = isBound || isServer ? cores : max(1, cores / clients)
        Parallel.configure(threads: configured > 0 ? configured : share)
    }
}
