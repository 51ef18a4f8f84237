import MPI

/// What every part of a run needs to know of its rank: the other ranks, and a clock that tells phases apart.
package final class RankContext {
    /// All ranks of the run.
    package let communicator: Communicator
    /// Where this rank's time goes.
    package let clock: PhaseClock

    /// The context of this process.
    package init(_ communicator: Communicator, clock: PhaseClock = PhaseClock()) {
        self.communicator = communicator
        self.clock = clock
    }

    /// This process's rank.
    package var rank: Int { communicator.rank }
    /// Number of ranks.
    package var size: Int { communicator.size }
    /// Whether this is the server.
    package var isRoot: Bool { rank == 0 }

    /// Runs collectives; their time counts as waiting until all ranks have arrived, and as communication from then on.
    package func communicate<Result>(
        _ body: (Communicator) throws(MPIError) -> Result
    ) throws(MPIError) -> Result {
        try clock.measure(.communicate) { () throws(MPIError) in
            let before = communicator.waitSeconds
            defer { clock.move(seconds: communicator.waitSeconds - before, to: .wait) }
            return try body(communicator)
        }
    }
}
