internal import CHDF5

/// Opening of what lies at a path. All of it under the library's lock.
extension HDF5File {
    /// Opens a dataset or a group, through soft and external links.
    /// - Throws: an error that names the first step of the path that is missing, or the file that a link names.
    func openObject(_ path: String, _ attempt: Attempt, _ access: Library.Access) throws(HDF5Error) -> Handle {
        let name = try ObjectPath(path).validated(attempt)
        LibraryFailure.note(attempt)
        let opened = H5Oopen(identifier, name, access.link)
        guard opened >= 0 else {
            let failure = attempt.libraryFailure()
            throw explainFailure(ObjectPath(name), attempt, access) ?? failure
        }
        return try Handle(opened, attempt)
    }

    /// Opens what must be a dataset.
    func openDataset(_ path: String, _ attempt: Attempt, _ access: Library.Access) throws(HDF5Error) -> Dataset {
        let object = try openObject(path, attempt, access)
        guard H5Iget_type(object.identifier) == H5I_DATASET else {
            throw attempt.failure("it is a group, not a dataset", remedy: "name one of the datasets in it")
        }
        return try Dataset(object, attempt)
    }

    /// Why a path could not be opened: the first step that fails, seen from the outside in.
    private func explainFailure(_ path: ObjectPath, _ attempt: Attempt, _ access: Library.Access) -> HDF5Error? {
        var parent = "/"
        for step in path.steps {
            let present = H5Lexists(identifier, step, access.link)
            if present == 0 {
                return attempt.failure("there is no \(step) in the file", remedy: "list what is there with h5ls -r")
            }
            if present < 0 {
                _ = ErrorStack.take()
                return attempt.failure("\(parent) is not a group", remedy: "list what is there with h5ls -r")
            }
            if H5Oexists_by_name(identifier, step, access.link) <= 0 {
                _ = ErrorStack.take()
                if let target = externalTarget(of: step) {
                    let (reason, code) = explainTarget(target.file, access)
                    return attempt.failure(
                        "\(step) links to \(target.object) in \(target.file): \(reason)",
                        remedy: "put \(target.file) where it belongs (relative to the folder of \(self.path))",
                        systemCode: code)
                }
                return attempt.failure("\(step) is a link to nothing", remedy: "write the file anew")
            }
            parent = step
        }
        return nil
    }

    /// Why the file of an external link does not serve; the library keeps that to itself, so it is tried here.
    private func explainTarget(_ file: String, _ access: Library.Access) -> (reason: String, systemCode: Int32?) {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let target = H5Fopen(file.hasPrefix("/") ? file : folder + file, CHDF5_F_ACC_RDONLY(), access.file)
        guard target >= 0 else {
            let stack = ErrorStack.take()
            return (stack.diagnosis.reason, stack.systemCode)
        }
        _ = H5Fclose(target)
        return ("there is no such object in it", nil)
    }

    /// The file and the object that an external link names; nil for any other link.
    private func externalTarget(of path: String) -> (file: String, object: String)? {
        var type = H5L_TYPE_ERROR
        var size = 0
        guard CHDF5_Lget_info(identifier, path, &type, &size) >= 0, type == H5L_TYPE_EXTERNAL, size > 0 else {
            return nil
        }
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { value in
            var flags: UInt32 = 0
            var file: UnsafePointer<CChar>?
            var object: UnsafePointer<CChar>?
            guard H5Lget_val(identifier, path, value.baseAddress, size, CHDF5_P_DEFAULT()) >= 0,
                H5Lunpack_elink_val(value.baseAddress, size, &flags, &file, &object) >= 0, let file, let object
            else { return nil }
            return (String(cString: file), String(cString: object))
        }
    }
}

/// An open dataset and its shape.
struct Dataset: ~Copyable {
    let handle: Handle
    /// Empty for a scalar; `[0]` for a dataset without a data space (`h5py.Empty`).
    let shape: [Int]

    init(_ handle: consuming Handle, _ attempt: Attempt) throws(HDF5Error) {
        let space = try Handle(H5Dget_space(handle.identifier), attempt)
        shape = try extent(of: space.identifier, attempt)
        self.handle = handle
    }
}

/// Shape of a data space.
func extent(of space: hid_t, _ attempt: Attempt) throws(HDF5Error) -> [Int] {
    if H5Sget_simple_extent_type(space) == H5S_NULL { return [0] }
    let rank = Int(try attempt.check(H5Sget_simple_extent_ndims(space)))
    var sizes = [hsize_t](repeating: 0, count: rank)
    try attempt.check(H5Sget_simple_extent_dims(space, &sizes, nil))
    var shape: [Int] = []
    for size in sizes {
        guard let size = Int(exactly: size) else {
            throw attempt.failure("its shape \(sizes) is impossible", remedy: "restore the file or use an earlier one")
        }
        shape.append(size)
    }
    return shape
}

/// Number of elements of a shape; nil when it is negative somewhere or does not fit.
func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard size >= 0, !overflow else { return nil }
        count = product
    }
    return count
}
