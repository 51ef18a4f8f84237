import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Paths, as text.
package enum Path {
    /// The folder that a path's last component is in: "." for a bare name and for "", "/" for the root.
    package static func parent(of path: String) -> String {
        let parent = FilePath(path).removingLastComponent().string
        return parent.isEmpty ? "." : parent
    }

    /// The last component of a path; "" where it has none.
    package static func name(of path: String) -> String { FilePath(path).lastComponent?.string ?? "" }

    /// The path from the root, whatever the current folder is later. Symbolic links and ".." stay as they are.
    package static func absolute(_ path: String) -> String {
        let here = getcwd(nil, 0)
        defer { free(here) }
        var result = FilePath(here.map { String(cString: $0) } ?? "/")
        for component in FilePath(path).components where component.kind != .currentDirectory {
            result.append(component)
        }
        guard FilePath(path).isAbsolute else { return result.string }
        return FilePath(root: "/", FilePath(path).components.filter { $0.kind != .currentDirectory }).string
    }

    /// The path of what is there without links and ".."; the absolute path where nothing is.
    package static func resolved(_ path: String) -> String {
        guard let found = realpath(path, nil) else { return absolute(path) }
        defer { free(found) }
        return String(cString: found)
    }
}
