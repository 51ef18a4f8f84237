import MPI

/// MPI starts once per process and on the main thread, so all suites share one environment; it ends with the process.
@MainActor
enum SharedEnvironment {
    private static let started = Result { () throws(MPIError) in try Box() }

    private final class Box {
        let environment: MPIEnvironment
        init() throws(MPIError) { environment = try MPIEnvironment() }
    }

    /// The only rank there is.
    static var world: Communicator { get throws { try started.get().environment.world } }
    static var libraryVersion: String { get throws { try started.get().environment.libraryVersion } }
}
