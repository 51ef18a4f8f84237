internal import CHDF5

/// Datasets: writing.
extension HDF5File {
    /// Writes a new dataset; groups on the way to it are created.
    ///
    /// Stored in chunks of at most 1 MiB with a Fletcher32 checksum each; scalars (shape `[]`) and empty datasets,
    /// which HDF5 cannot chunk, are stored plainly and without checksum. No times are stored: the same values give the
    /// same bytes.
    /// - Parameters:
    ///   - values: the elements in row-major order.
    ///   - shape: its product is the number of values; up to 32 axes.
    /// - Throws: when the name is taken, the shape does not fit the values or the file system refuses.
    package func write<Element: HDF5Scalar>(
        _ values: UnsafeBufferPointer<Element>, shape: [Int], to path: String
    ) throws(HDF5Error) {
        try write(UnsafeRawBufferPointer(values), count: values.count, kind: Element.kind, shape: shape, to: path)
    }

    /// Writes a new dataset, as ``write(_:shape:to:)-(UnsafeBufferPointer<_>,_,_)``.
    package func write<Element: HDF5Scalar>(
        _ values: [Element], shape: [Int], to path: String
    ) throws(HDF5Error) {
        try values.withUnsafeBufferPointer { values throws(HDF5Error) in
            try write(values, shape: shape, to: path)
        }
    }

    /// Creates a group, and those on the way to it. One that is there already is fine.
    package func createGroup(_ path: String) throws(HDF5Error) {
        let attempt = attempt("create", "group", path)
        if isGroup(path) { return }
        try Library.locked { access throws(HDF5Error) in
            let name = try ObjectPath(path).validated(attempt)
            _ = try Handle(
                H5Gcreate2(identifier, name, access.creation, CHDF5_P_DEFAULT(), CHDF5_P_DEFAULT()), attempt)
        }
    }

    private func write(
        _ values: UnsafeRawBufferPointer, count: Int, kind: HDF5Kind, shape: [Int], to path: String
    ) throws(HDF5Error) {
        let attempt = attempt("write", "dataset", path)
        guard elementCount(of: shape) == count else {
            throw attempt.failure("\(count) values do not make up the shape \(shape)", remedy: "this is a defect")
        }
        try Library.locked { access throws(HDF5Error) in
            let name = try ObjectPath(path).validated(attempt)
            let space = try Self.makeSpace(shape, attempt)
            let creation = try Self.makeCreationProperties(shape, kind, attempt)
            let dataset = try Handle(
                H5Dcreate2(
                    identifier, name, kind.fileType, space.identifier, access.creation, creation.identifier,
                    CHDF5_P_DEFAULT()), attempt)
            if let start = values.baseAddress, count > 0 {
                try attempt.check(
                    H5Dwrite(
                        dataset.identifier, kind.memoryType, CHDF5_S_ALL(), CHDF5_S_ALL(), CHDF5_P_DEFAULT(), start))
            }
            try dataset.close(attempt)
        }
    }

    /// A data space of a shape; `[]` is a scalar.
    static func makeSpace(_ shape: [Int], _ attempt: Attempt) throws(HDF5Error) -> Handle {
        guard !shape.isEmpty else { return try Handle(H5Screate(H5S_SCALAR), attempt) }
        guard shape.count <= Int(H5S_MAX_RANK) else {
            throw attempt.failure("it has \(shape.count) axes; HDF5 allows 32", remedy: "choose another shape")
        }
        let sizes = shape.map { hsize_t($0) }
        return try Handle(H5Screate_simple(Int32(sizes.count), sizes, nil), attempt)
    }

    private static func makeCreationProperties(
        _ shape: [Int], _ kind: HDF5Kind, _ attempt: Attempt
    ) throws(HDF5Error) -> Handle {
        let creation = try Handle(H5Pcreate(CHDF5_P_DATASET_CREATE()), attempt)
        try attempt.check(H5Pset_obj_track_times(creation.identifier, false))
        if let chunk = ChunkShape.of(shape, elementBytes: kind.byteCount) {
            let sizes = chunk.map { hsize_t($0) }
            try attempt.check(H5Pset_chunk(creation.identifier, Int32(sizes.count), sizes))
            try attempt.check(H5Pset_fletcher32(creation.identifier))
        }
        return creation
    }
}
