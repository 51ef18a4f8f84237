internal import CHDF5

/// External links.
extension HDF5File {
    /// Makes `path` stand for an object of another file, which need not exist yet.
    ///
    /// Whoever opens the path gets the object as if it were here, read-only. Groups on the way are created.
    /// - Parameters:
    ///   - file: path of the other file, relative to the folder of this one.
    ///   - object: path inside the other file.
    package func linkExternally(_ path: String, toFile file: String, object: String) throws(HDF5Error) {
        let attempt = attempt("link", "path", path)
        guard !file.isEmpty, !file.utf8.contains(0) else {
            throw attempt.failure("the name of the other file is empty or has a NUL in it", remedy: "name a file")
        }
        try Library.locked { access throws(HDF5Error) in
            let name = try ObjectPath(path).validated(attempt)
            let object = try ObjectPath(object).validated(attempt)
            try attempt.check(
                H5Lcreate_external(file, object, identifier, name, access.creation, CHDF5_P_DEFAULT()))
        }
    }
}
