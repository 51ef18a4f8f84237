internal import CMPI

/// Collectives on buffers whose length is the same on all ranks.
extension Communicator {
    /// Waits for all ranks. The time counts as waiting.
    package func barrier() throws(MPIError) {
        guard size > 1 else { return }
        try arrive("wait for all ranks")
    }

    /// Copies the values of the root to all ranks.
    /// - Parameter values: any number of elements, the same on all ranks.
    package func broadcast<Element: MPIScalar>(
        _ values: UnsafeMutableBufferPointer<Element>, root: Int
    ) throws(MPIError) {
        try broadcast(UnsafeMutableRawBufferPointer(values), Element.kind, "broadcast", root: root)
    }

    /// Adds up the values of all ranks, element by element, onto the root; they wrap around, so any order of the sum
    /// gives the same bits.
    /// - Parameter values: any number of elements, the same on all ranks. On the root they become the sums, on the
    ///   others they stay.
    package func reduceSum(_ values: UnsafeMutableBufferPointer<UInt64>, root: Int) throws(MPIError) {
        requireRank(root)
        guard size > 1 else { return }
        let operation = "sum onto the root"
        try collective(operation, bytes: values.count * 8) { () throws(MPIError) in
            try pipeline(operation, steps: chunkCount(values.count)) { step, _, request in
                let (start, length) = chunk(step, of: values.count)
                let chunk = values.baseAddress?.advanced(by: start)
                return rank == root
                    ? CMPI_Ireduce(
                        CMPI_IN_PLACE(), chunk, length, CMPI_UINT64_T(), CMPI_SUM(), Int32(root), handle, &request)
                    : CMPI_Ireduce(chunk, nil, length, CMPI_UINT64_T(), CMPI_SUM(), Int32(root), handle, &request)
            }
        }
    }

    /// One call of MPI_Reduce, as a program in C would make it: what ``reduceSum(_:root:)`` is measured against.
    /// - Parameters:
    ///   - values: fewer than 2³¹, the same number on all ranks.
    ///   - sums: on the root, where they go; as many.
    package func plainReduceSum(
        _ values: UnsafeBufferPointer<UInt64>, into sums: UnsafeMutableBufferPointer<UInt64>?, root: Int
    ) throws(MPIError) {
        requireRank(root)
        try check(
            CMPI_Reduce(
                values.baseAddress, sums?.baseAddress, Int32(values.count), CMPI_UINT64_T(), CMPI_SUM(), Int32(root),
                handle), "sum onto the root in one call")
    }

    /// Combines the values of all ranks, element by element, in place on all of them.
    /// - Parameter values: any number of elements, the same on all ranks.
    package func allReduce<Element: MPIScalar>(
        _ values: UnsafeMutableBufferPointer<Element>, _ reduction: MPIReduction
    ) throws(MPIError) {
        try allReduce(UnsafeMutableRawBufferPointer(values), Element.kind, reduction)
    }

    /// Combines one value of each rank, on all of them.
    package func allReduce<Element: MPIScalar>(
        _ value: Element, _ reduction: MPIReduction
    ) throws(MPIError) -> Element {
        var value = value
        try withUnsafeMutableBytes(of: &value) { bytes throws(MPIError) in
            try allReduce(bytes, Element.kind, reduction)
        }
        return value
    }

    /// One value of each rank, by rank, on all of them.
    package func allGather(_ value: Int64) throws(MPIError) -> [Int64] {
        guard size > 1 else { return [value] }
        var values = [Int64](repeating: 0, count: size)
        var value = value
        let operation = "collect a number of each rank"
        try collective(operation, bytes: (size + 1) * 8) { () throws(MPIError) in
            try withUnsafeMutablePointer(to: &value) { value throws(MPIError) in
                try values.withUnsafeMutableBufferPointer { values throws(MPIError) in
                    try complete(operation) { request in
                        CMPI_Iallgather(value, values.baseAddress, 1, CMPI_INT64_T(), handle, &request)
                    }
                }
            }
        }
        return values
    }

    /// Broadcast of raw memory; also serves collectives that tell the ranks something first.
    func broadcast(
        _ values: UnsafeMutableRawBufferPointer, _ kind: MPIKind, _ operation: String, root: Int
    ) throws(MPIError) {
        requireRank(root)
        guard size > 1 else { return }
        try collective(operation, bytes: values.count) { () throws(MPIError) in
            try transferBroadcast(values, kind, operation, root: root)
        }
    }

    /// A broadcast within a collective.
    func transferBroadcast(
        _ values: UnsafeMutableRawBufferPointer, _ kind: MPIKind, _ operation: String, root: Int
    ) throws(MPIError) {
        let count = values.count / kind.byteCount
        try pipeline(operation, steps: chunkCount(count)) { step, _, request in
            let (start, length) = chunk(step, of: count)
            let chunk = values.baseAddress?.advanced(by: start * kind.byteCount)
            return CMPI_Ibcast(chunk, length, kind.datatype, Int32(root), handle, &request)
        }
    }

    private func allReduce(
        _ values: UnsafeMutableRawBufferPointer, _ kind: MPIKind, _ reduction: MPIReduction
    ) throws(MPIError) {
        guard size > 1 else { return }
        let operation = "combine the values of all ranks"
        try collective(operation, bytes: values.count) { () throws(MPIError) in
            try transferAllReduce(values, kind, reduction, operation)
        }
    }

    /// An all-reduce within a collective.
    func transferAllReduce(
        _ values: UnsafeMutableRawBufferPointer, _ kind: MPIKind, _ reduction: MPIReduction, _ operation: String
    ) throws(MPIError) {
        let count = values.count / kind.byteCount
        try pipeline(operation, steps: chunkCount(count)) { step, _, request in
            let (start, length) = chunk(step, of: count)
            let chunk = values.baseAddress?.advanced(by: start * kind.byteCount)
            return CMPI_Iallreduce(
                CMPI_IN_PLACE(), chunk, length, kind.datatype, reduction.operation, handle, &request)
        }
    }
}
