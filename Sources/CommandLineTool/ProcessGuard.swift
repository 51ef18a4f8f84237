import Foundation

/// Ties the life of a rank to the launcher's.
enum ProcessGuard {
    /// Ends this process when its parent ends, however that happens.
    ///
    /// A launcher that is killed with SIGKILL cannot end its ranks. They would find out only when they communicate next,
    /// and until then go on writing to a run that may already have been resumed.
    static func endWithLauncher() {
        guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] != nil else { return }
        let parent = getppid()
        prctl(PR_SET_PDEATHSIG, SIGKILL)
        // It may have ended before the call.
        if getppid() != parent { exit(1) }
    }
}
