internal import CHDF5

/// Where the values of datasets are in a file.
extension HDF5File {
    /// A chunk of a dataset that ``write(_:shape:to:)-(UnsafeBufferPointer<_>,_,_)`` has written: its values as they are in
    /// memory, zeros where the last chunk of an axis is larger than what is left of that, and their ``Fletcher32``
    /// checksum in four bytes, the lowest first.
    package struct StoredChunk: Sendable {
        /// Bytes before it in the file.
        package let offset: Int
        /// Bytes of values and zeros.
        package let byteCount: Int
        /// The values, by their places in row-major order.
        package let elements: Range<Int>

        /// Its bytes in the file, the checksum's included.
        package var range: Range<Int> { offset..<offset + byteCount + 4 }
    }

    /// Where a dataset that was written to this file is.
    /// - Returns: its chunks; nil where it has none, or where the library (before 1.10.5) does not tell.
    package func storedChunks(of path: String) throws(HDF5Error) -> [StoredChunk]? {
        let attempt = attempt("look into", "dataset", path)
        return try Library.locked { access throws(HDF5Error) -> [StoredChunk]? in
            let dataset = try openDataset(path, attempt, access)
            let type = try Handle(H5Dget_type(dataset.handle.identifier), attempt)
            let (shape, elementBytes) = (dataset.shape, H5Tget_size(type.identifier))
            guard CHDF5_TELLS_CHUNKS() != 0, let chunk = ChunkShape.of(shape, elementBytes: elementBytes) else {
                return nil
            }
            let space = try Handle(H5Dget_space(dataset.handle.identifier), attempt)
            var number: hsize_t = 0
            try attempt.check(CHDF5_Dget_num_chunks(dataset.handle.identifier, space.identifier, &number))
            var chunks: [StoredChunk] = []
            for index in 0..<number {
                var start = [hsize_t](repeating: 0, count: shape.count)
                var (address, bytes): (haddr_t, hsize_t) = (0, 0)
                try attempt.check(
                    CHDF5_Dget_chunk_info(
                        dataset.handle.identifier, space.identifier, index, &start, &address, &bytes))
                guard let offset = Int(exactly: address), bytes > 4 else { return nil }
                var (first, count) = (0, 1)
                for axis in shape.indices {
                    first = first * shape[axis] + Int(start[axis])
                    count *= min(chunk[axis], shape[axis] - Int(start[axis]))
                }
                chunks.append(
                    StoredChunk(offset: offset, byteCount: Int(bytes) - 4, elements: first..<first + count))
            }
            return chunks
        }
    }
}
