/// The shape of the pieces that a dataset is stored, checked and read in.
package enum ChunkShape {
    /// At most this many bytes per chunk: the library's standard chunk cache holds just one of them.
    package static let maximumBytes = 1 << 20

    /// The largest chunk of whole trailing axes within the bound, so that a chunk is contiguous in the values.
    ///
    /// An axis that has to be cut is cut into even parts: the last chunk is stored in full length, and a remainder of
    /// one element would waste a chunk. Nil for scalars and empty datasets, which cannot be chunked.
    package static func of(_ shape: [Int], elementBytes: Int) -> [Int]? {
        guard !shape.isEmpty, !shape.contains(0) else { return nil }
        var remaining = maximumBytes / elementBytes
        var chunk = shape
        for axis in shape.indices.reversed() {
            let longest = max(1, min(shape[axis], remaining))
            let parts = (shape[axis] + longest - 1) / longest
            chunk[axis] = (shape[axis] + parts - 1) / parts
            // A cut axis uses the bound up, also where evening out left some of it.
            remaining = parts > 1 ? 1 : remaining / longest
        }
        return chunk
    }
}
