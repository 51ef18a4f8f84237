import ArgumentParser
import Federation
import MPI

/// A job on all ranks of an MPI launch.
enum MPIJob {
    /// Runs `body`, which returns the exit status of all ranks, between the start and the end of MPI.
    ///
    /// A failure that all ranks agree on ends them in good order. Any other ends the job at once: the rank where it
    /// happened says what it was, and the others, which may wait for it, are stopped.
    static func run(_ body: (RankContext) throws -> Int32) throws { try run { rank, _ in try body(rank) } }

    /// The same, where `body` wants to know the MPI library's name and version, too.
    static func run(_ body: (RankContext, String) throws -> Int32) throws {
        let environment = try MPIEnvironment()
        let rank = RankContext(environment.world)
        let status: Int32
        do {
            status = try body(rank, environment.libraryVersion)
        } catch let failure as AgreedFailure {
            if let error = failure.error { Messages.error(error.description) }
            try environment.finalize()
            throw ExitCode(failure.exitStatus)
        } catch {
            let failure = FederationError(describing: error)
            guard rank.size > 1 else { throw failure }
            let place = rank.communicator.context
            Messages.error("rank \(rank.rank)\(place.isEmpty ? "" : " (\(place))"): \(failure.description)")
            rank.communicator.abort(status: Int(failure.exitStatus))
        }
        try environment.finalize()
        if status != 0 { throw ExitCode(status) }
    }
}
