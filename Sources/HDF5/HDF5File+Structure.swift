internal import CHDF5

/// What is in a file.
extension HDF5File {
    /// Groups nested deeper than this are taken for a cycle of links.
    private static let maximumDepth = 64

    /// Whether there is a dataset or a group at the path. A link whose target is missing does not count.
    package func exists(_ path: String) -> Bool { objectType(path) != nil }

    /// Whether there is a group at the path.
    package func isGroup(_ path: String) -> Bool { objectType(path) == H5I_GROUP }

    /// Names of what a group holds, sorted by their bytes.
    package func children(of path: String) throws(HDF5Error) -> [String] {
        let attempt = attempt("list", "group", path)
        return try Library.locked { access throws(HDF5Error) in
            let group = try openObject(path, attempt, access)
            guard H5Iget_type(group.identifier) == H5I_GROUP else {
                throw attempt.failure("it is a dataset, not a group", remedy: "name a group")
            }
            return try namesVisited(attempt) { names in
                CHDF5_Literate(group.identifier, appendName, names)
            }
        }
    }

    /// Shape of a dataset; empty for a scalar.
    package func shape(of path: String) throws(HDF5Error) -> [Int] {
        let attempt = attempt("read the shape of", "dataset", path)
        return try Library.locked { access throws(HDF5Error) in try openDataset(path, attempt, access).shape }
    }

    /// Type of a dataset's elements in words: "float32", "uint8", "big-endian int16", "string", "bool" …
    package func elementType(of path: String) throws(HDF5Error) -> String {
        let attempt = attempt("read the element type of", "dataset", path)
        return try Library.locked { access throws(HDF5Error) in
            let dataset = try openDataset(path, attempt, access)
            let type = try Handle(H5Dget_type(dataset.handle.identifier), attempt)
            return ElementType.name(of: type.identifier)
        }
    }

    /// Paths of all datasets in a group and the groups below it, sorted, without leading slash. Soft and external links
    /// are followed.
    /// - Throws: when a link leads nowhere, groups nest deeper than 64 (which is a cycle), or there are more than
    ///   65536 objects (which takes links that lead to one group again and again).
    package func datasets(under path: String = "/") throws(HDF5Error) -> [String] {
        var found: [String] = []
        var visits = 0
        try collectDatasets(under: ObjectPath(path).absolute, depth: 0, &visits, into: &found)
        return found.map { String($0.dropFirst()) }
    }

    /// The most objects that are listed: a network has some hundreds.
    private static let maximumVisits = 1 << 16

    private func collectDatasets(
        under path: String, depth: Int, _ visits: inout Int, into found: inout [String]
    ) throws(HDF5Error) {
        let attempt = attempt("list", "group", path)
        guard depth <= Self.maximumDepth else {
            throw attempt.failure("groups nest deeper than \(Self.maximumDepth)", remedy: "look for a cycle of links")
        }
        for name in try children(of: path) {
            visits += 1
            guard visits <= Self.maximumVisits else {
                throw attempt.failure(
                    "it holds more than \(Self.maximumVisits) objects, counted by their paths",
                    remedy: "look for links that lead to the same groups (h5dump -n)")
            }
            let child = path == "/" ? "/" + name : path + "/" + name
            let type = try Library.locked { access throws(HDF5Error) in
                let object = try openObject(child, attempt, access)
                return H5Iget_type(object.identifier)
            }
            switch type {
            case H5I_GROUP: try collectDatasets(under: child, depth: depth + 1, &visits, into: &found)
            case H5I_DATASET: found.append(child)
            default: continue
            }
        }
    }

    private func objectType(_ path: String) -> H5I_type_t? {
        let attempt = attempt("look up", "object", path)
        return try? Library.locked { access throws(HDF5Error) in
            let object = try openObject(path, attempt, access)
            return H5Iget_type(object.identifier)
        }
    }
}

/// A visitor's step: appends the name to the array of strings that the context points at.
func appendName(_ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?) -> herr_t {
    guard let context, let name else { return -1 }
    context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
    return 0
}

/// The names that an iteration of the library visits, sorted by their bytes.
func namesVisited(
    _ attempt: Attempt, by iteration: (UnsafeMutableRawPointer) -> herr_t
) throws(HDF5Error) -> [String] {
    var names: [String] = []
    let status = withUnsafeMutablePointer(to: &names) { iteration(UnsafeMutableRawPointer($0)) }
    try attempt.check(status)
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
