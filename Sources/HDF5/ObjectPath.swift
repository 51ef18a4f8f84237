/// A path inside a file, taken apart.
struct ObjectPath {
    let components: [Substring]

    init(_ path: String) { components = path.split(separator: "/") }

    /// Absolute, without doubled or trailing slashes.
    var absolute: String { "/" + components.joined(separator: "/") }

    /// The paths on the way, outermost first: of "/a/b/c" these are "/a", "/a/b", "/a/b/c".
    var steps: [String] {
        var step = ""
        return components.map { component in
            step += "/" + component
            return step
        }
    }

    /// Fails for names that C cannot take.
    func validated(_ attempt: Attempt) throws(HDF5Error) -> String {
        let absolute = absolute
        guard !absolute.utf8.contains(0) else {
            throw attempt.failure("the name has a NUL in it", remedy: "choose another name")
        }
        return absolute
    }
}
