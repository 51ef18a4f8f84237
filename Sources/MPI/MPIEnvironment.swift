internal import CMPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// MPI in this process, from its start to its end. Make one, on the main thread, before anything else of this module.
///
/// Without `mpirun` or `srun` the process is the only rank of a world of its own.
package struct MPIEnvironment: ~Copyable {
    /// All ranks of the job.
    package let world: Communicator
    /// Name and version of the MPI library, one line.
    package let libraryVersion: String
    private var isInitialized: Bool

    /// Starts MPI with thread level FUNNELED: other threads may compute, the calling one alone communicates.
    /// - Throws: when MPI was started already, does not start, does not allow other threads or does not know the
    ///   program that started the ranks.
    package init() throws(MPIError) {
        func failure(_ reason: String, remedy: String) -> MPIError {
            MPIError(operation: "start MPI", rank: nil, context: "", reason: reason, remedy: remedy)
        }
        var started: Int32 = 0
        MPI_Initialized(&started)
        guard started == 0 else {
            throw failure("it was started before in this process", remedy: "this is a defect; start it once")
        }
        // Without mpirun, Open MPI 4 starts a daemon for processes that this one might spawn, and the daemon inherits
        // every open pipe: whoever reads one of them would wait for its end until we exit. A user's choice is kept.
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0)
        var provided: Int32 = 0
        let status = MPI_Init_thread(nil, nil, CMPI_THREAD_FUNNELED(), &provided)
        guard status == CMPI_SUCCESS() else {
            throw MPIError.library(status, operation: "start MPI", rank: nil, context: "")
        }
        guard provided >= CMPI_THREAD_FUNNELED() else {
            throw failure(
                "the library does not allow other threads to compute (MPI_THREAD_FUNNELED)",
                remedy: "use a build of MPI with thread support")
        }
        let world = try Communicator.duplicatingWorld()
        // The ranks of a foreign launcher would each do the whole job, into the same files.
        if world.size == 1, let (variable, launched) = Self.launcherSize, launched > 1 {
            throw failure(
                "it was launched as \(launched) ranks (\(variable)), but the library sees this process alone",
                remedy: "use the mpirun that belongs to \(Self.readLibraryVersion()), or srun with the --mpi that it "
                    + "was built for")
        }
        self.world = world
        self.libraryVersion = Self.readLibraryVersion()
        self.isInitialized = true
    }

    /// Ends MPI where this process is alone. Among several ranks one that comes here has failed: the others would not
    /// come to the end that it waited for, so it does not, and its exit without an end tells the launcher to stop them.
    deinit {
        if isInitialized, world.size == 1 { _ = world.finalize() }
    }

    /// Ends MPI. Waits until all ranks do; after an error on one rank use ``Communicator/abort(status:)`` instead.
    package consuming func finalize() throws(MPIError) {
        let status = world.finalize()
        isInitialized = false
        guard status == CMPI_SUCCESS() else {
            throw MPIError.library(status, operation: "end MPI", rank: world.rank, context: world.context)
        }
    }

    /// The rank that the launcher gave this process, known before MPI has started; 0 without a launcher.
    package static var launchedRank: Int {
        number(of: ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"])?.value ?? 0
    }

    /// How many ranks the nearest launcher says it has started, and the variable that says so. Within a batch job, mpirun
    /// is nearer than Slurm, whose number of the job's tasks says nothing of what was started.
    private static var launcherSize: (variable: String, value: Int)? {
        number(of: ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"])
    }

    /// The first of some environment variables that holds a number.
    private static func number(of variables: [String]) -> (variable: String, value: Int)? {
        for variable in variables {
            if let value = getenv(variable).flatMap({ Int(String(cString: $0)) }) { return (variable, value) }
        }
        return nil
    }

    private static func readLibraryVersion() -> String {
        var length: Int32 = 0
        let capacity = Int(CMPI_MAX_LIBRARY_VERSION_STRING()) + 1
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { text in
            text.initialize(repeating: 0)
            MPI_Get_library_version(text.baseAddress, &length)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
        // Open MPI goes on with the build after a comma, MPICH on further lines.
        return text.prefix { !$0.isNewline && $0 != "," }.split { $0.isWhitespace }.joined(separator: " ")
    }
}
