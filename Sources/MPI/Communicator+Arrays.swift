internal import CMPI

/// Collectives on arrays, for what is small: counts, names, settings, messages.
extension Communicator {
    /// Collects an array of each rank on the root, by rank; nil on the others.
    /// - Parameter values: as many on all ranks.
    /// - Throws: on all ranks, when one has another number of values than the root.
    package func gather(_ values: [Int64], root: Int = 0) throws(MPIError) -> [[Int64]]? {
        let isRoot = rank == root
        let counts = isRoot ? [Int](repeating: values.count, count: size) : nil
        var whole = [Int64](repeating: 0, count: isRoot ? values.count * size : 0)
        try values.withUnsafeBufferPointer { values throws(MPIError) in
            try whole.withUnsafeMutableBufferPointer { whole throws(MPIError) in
                try gatherVariable(send: values, counts: counts, into: isRoot ? whole : nil, root: root)
            }
        }
        guard isRoot else { return nil }
        return (0..<size).map { Array(whole[$0 * values.count..<($0 + 1) * values.count]) }
    }

    /// Collects the bytes of each rank, of any lengths, on the root, by rank; nil on the others.
    package func gatherBytes(_ bytes: [UInt8], root: Int = 0) throws(MPIError) -> [[UInt8]]? {
        let counts = try allGather(Int64(bytes.count)).map { Int($0) }
        let isRoot = rank == root
        var whole = [UInt8](repeating: 0, count: isRoot ? counts.reduce(0, +) : 0)
        try bytes.withUnsafeBufferPointer { bytes throws(MPIError) in
            try whole.withUnsafeMutableBufferPointer { whole throws(MPIError) in
                try gatherVariable(
                    send: bytes, counts: isRoot ? counts : nil, into: isRoot ? whole : nil, root: root)
            }
        }
        guard isRoot else { return nil }
        var rest = whole[...]
        return counts.map { count in
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    /// The bytes of the root, on all ranks.
    /// - Parameter bytes: of the root; others pass nil.
    package func broadcastBytes(_ bytes: [UInt8]?, root: Int = 0) throws(MPIError) -> [UInt8] {
        precondition(rank != root || bytes != nil, "the root has the bytes")
        guard size > 1 else { return bytes ?? [] }
        var received = rank == root ? bytes ?? [] : []
        var count = Int64(received.count)
        try withUnsafeMutableBytes(of: &count) { count throws(MPIError) in
            try broadcast(count, .int64, "broadcast", root: root)
        }
        if rank != root { received = [UInt8](repeating: 0, count: Int(count)) }
        try received.withUnsafeMutableBufferPointer { received throws(MPIError) in
            try broadcast(received, root: root)
        }
        return received
    }
}
