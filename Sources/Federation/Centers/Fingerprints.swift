import Synchronization

/// What is known of files that were written: their checksums, so that nobody reads them again to tell, and whether they are on
/// the disk for good.
final class Fingerprints: Sendable {
    private let known = Mutex<(checksums: [String: DurableFile.Fingerprint], unflushed: Set<String>)>(([:], []))

    /// Notes what was written to a path, and not flushed.
    func note(_ fingerprint: DurableFile.Fingerprint, of path: String) {
        known.withLock {
            $0.checksums[path] = fingerprint
            $0.unflushed.insert(path)
        }
    }

    /// The file is another's now, or will not be asked for.
    func forget(_ path: String) { known.withLock { $0.checksums[path] = nil } }

    /// Flushes to the disk what was not yet.
    func flush() throws(FederationError) {
        let paths = known.withLock { known in
            defer { known.unflushed = [] }
            return known.unflushed
        }
        try DurableFile.flush(paths)
    }

    /// The checksum of a file; of one that was not written here, by reading it.
    func of(_ path: String) throws(FederationError) -> DurableFile.Fingerprint {
        if let found = known.withLock({ $0.checksums[path] }) { return found }
        return try DurableFile.fingerprint(path)
    }
}
