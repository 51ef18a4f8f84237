internal import CHDF5

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Datasets: reading. Numbers of another type on disk are converted by HDF5: to `Float` and `Double` by rounding, to
/// integers only when each value is exactly representable.
extension HDF5File {
    /// Reads a dataset into memory of the caller.
    /// - Parameters:
    ///   - destination: takes the elements in row-major order; as many as `shape` has. Undefined after an error.
    ///   - shape: what the dataset must have.
    /// - Throws: when the dataset is missing, has another shape, does not hold such numbers or is damaged.
    package func read<Element: HDF5Scalar>(
        into destination: UnsafeMutableBufferPointer<Element>, shape: [Int], from path: String
    ) throws(HDF5Error) {
        precondition(elementCount(of: shape) == destination.count, "\(shape) is not the size of the destination")
        let attempt = attempt("read", "dataset", path)
        let destination = UnsafeMutableRawBufferPointer(destination)
        try Library.locked { access throws(HDF5Error) in
            let dataset = try openDataset(path, attempt, access)
            guard dataset.shape == shape else {
                throw attempt.failure(
                    "its shape is \(dataset.shape), not \(shape)", remedy: "use a file of the same configuration")
            }
            try Self.read(dataset, Element.kind, destination, attempt)
        }
    }

    /// Reads a whole dataset, of any shape, in row-major order.
    package func read<Element: HDF5Scalar>(
        _ path: String, as type: Element.Type = Element.self
    ) throws(HDF5Error) -> [Element] {
        let attempt = attempt("read", "dataset", path)
        return try Library.locked { access throws(HDF5Error) in
            let dataset = try openDataset(path, attempt, access)
            let stored = Int(clamping: H5Dget_storage_size(dataset.handle.identifier))
            let count = try Self.allocatableCount(dataset.shape, Element.kind, stored: stored, attempt)
            var outcome = Result<Void, HDF5Error>.success(())
            let values = [Element](unsafeUninitializedCapacity: count) { memory, initialized in
                let destination = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: memory[..<count]))
                do throws(HDF5Error) {
                    try Self.read(dataset, Element.kind, destination, attempt)
                    initialized = count
                } catch {
                    outcome = .failure(error)
                }
            }
            try outcome.get()
            return values
        }
    }

    private static func read(
        _ dataset: borrowing Dataset, _ kind: HDF5Kind, _ destination: UnsafeMutableRawBufferPointer,
        _ attempt: Attempt
    ) throws(HDF5Error) {
        let type = try Handle(H5Dget_type(dataset.handle.identifier), attempt)
        guard [H5T_INTEGER, H5T_FLOAT, H5T_ENUM].contains(H5Tget_class(type.identifier)) else {
            throw attempt.failure(
                "its elements are of type \(ElementType.name(of: type.identifier)), not numbers",
                remedy: "name a dataset of numbers")
        }
        guard let start = destination.baseAddress, destination.count > 0 else { return }
        let transfer = try Handle(H5Pcreate(CHDF5_P_DATASET_XFER()), attempt)
        var inexact = false
        let status = withUnsafeMutablePointer(to: &inexact) { inexact in
            if kind.isInteger {
                _ = H5Pset_type_conv_cb(
                    transfer.identifier,
                    { _, _, _, _, _, inexact in
                        inexact?.assumingMemoryBound(to: Bool.self).pointee = true
                        return H5T_CONV_ABORT
                    }, inexact)
            }
            return H5Dread(
                dataset.handle.identifier, kind.memoryType, CHDF5_S_ALL(), CHDF5_S_ALL(), transfer.identifier, start)
        }
        if status < 0, inexact {
            _ = ErrorStack.take()
            throw attempt.failure(
                "a value of type \(ElementType.name(of: type.identifier)) does not fit into \(kind)",
                remedy: "check which dataset is meant")
        }
        try attempt.check(status)
    }

    /// Number of elements of a shape. A damaged header may claim any size: what is stored bounds what there can be, since
    /// compression shrinks by at most 1032:1 and bytes become eight at most. Swift ends the process when memory runs out, so
    /// the system is asked, too.
    /// - Parameter stored: bytes in the file. A dataset that was never written has none, and its fill value everywhere.
    private static func allocatableCount(
        _ shape: [Int], _ kind: HDF5Kind, stored: Int, _ attempt: Attempt
    ) throws(HDF5Error) -> Int {
        if let count = elementCount(of: shape) {
            let (bytes, overflow) = count.multipliedReportingOverflow(by: kind.byteCount)
            let (most, isBoundless) = stored.multipliedReportingOverflow(by: 8 * 1032)
            if !overflow, isBoundless || bytes <= max(most, 16 << 20), let probe = malloc(max(bytes, 1)) {
                free(probe)
                return count
            }
        }
        throw attempt.failure("its shape \(shape) exceeds the memory", remedy: "check the file with h5dump -H")
    }
}
