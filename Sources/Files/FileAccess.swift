#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Who may read the files that a process makes.
package enum FileAccess: String, Sendable, CaseIterable {
    /// Their owner alone: files 0600, folders 0700.
    case owner
    /// Their owner, and the group may read: 0640 and 0750.
    case group
    /// Whoever the process's umask lets.
    case umask

    /// Applies to whatever the process makes from now on.
    package func apply() {
        let mask: mode_t? =
            switch self {
            case .owner: 0o077
            case .group: 0o027
            case .umask: nil
            }
        Self.setMask(mask ?? Self.inherited)
    }

    /// Takes away from a file what new ones do not have.
    package static func restrict(_ path: String) throws(SystemFailure) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemFailure() }
        guard chmod(path, status.st_mode & 0o7777 & ~current) == 0 else { throw SystemFailure() }
    }

    /// The mask that the process was started with.
    private static let inherited: mode_t = current

    private static var current: mode_t {
        let mask = systemMask(0o077)
        _ = systemMask(mask)
        return mask
    }

    private static func setMask(_ mask: mode_t) {
        // What the process was started with must be known before it is changed.
        _ = inherited
        _ = systemMask(mask)
    }
}

private func systemMask(_ mask: mode_t) -> mode_t { umask(mask) }
