import Synchronization

/// The checksums of files that were written, so that nobody reads them again to tell.
final class Fingerprints: Sendable {
    private let known = Mutex<[String: DurableFile.Fingerprint]>([:])

    /// Notes what was written to a path.
    func note(_ fingerprint: DurableFile.Fingerprint, of path: String) { known.withLock { $0[path] = fingerprint } }

    /// The file is another's now, or will not be asked for.
    func forget(_ path: String) { known.withLock { $0[path] = nil } }

    /// The checksum of a file; of one that was not written here, by reading it.
    func of(_ path: String) throws(FederationError) -> DurableFile.Fingerprint {
        if let found = known.withLock({ $0[path] }) { return found }
        return try DurableFile.fingerprint(path)
    }
}
