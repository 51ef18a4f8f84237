/// Reading and writing of NIfTI-1 and NIfTI-2 files, plain or gzip, `.nii` or `.hdr`/`.img`, in either byte order.
///
/// Headers come from strangers: everything that is allocated or skipped is first compared with the file's own size.
package enum NIfTI {
    /// Reads and checks the header alone.
    package static func header(of path: String) throws(CardiacMRError) -> NIfTIHeader {
        let source = try ByteSource(path: path)
        return try header(from: source, path: path)
    }

    /// Reads one frame of an image, scaled by slope and intercept.
    /// - Parameter frame: 0-based; 0 is the whole of a 3-D image.
    package static func read(_ path: String, frame: Int = 0) throws(CardiacMRError) -> Volume {
        var volume: Volume?
        try read(
            path,
            frames: { header throws(CardiacMRError) in
                guard (0..<header.frames).contains(frame) else {
                    throw .reading(path, "it has no frame \(frame)", "its frames are 0 to \(header.frames - 1)")
                }
                return frame..<frame + 1
            }
        ) { _, found in volume = found }
        guard let volume else { throw .reading(path, "it has no frame \(frame)", "give an image with frames") }
        return volume
    }

    /// Reads all frames of an image one after the other, without holding more than one.
    package static func readFrames(
        _ path: String, _ body: (_ frame: Int, _ volume: Volume) throws(CardiacMRError) -> Void
    ) throws(CardiacMRError) {
        try read(path, frames: { header in 0..<header.frames }, body)
    }

    private static func read(
        _ path: String, frames: (NIfTIHeader) throws(CardiacMRError) -> Range<Int>,
        _ body: (_ frame: Int, _ volume: Volume) throws(CardiacMRError) -> Void
    ) throws(CardiacMRError) {
        let source = try ByteSource(path: path)
        let header = try header(from: source, path: path)
        let frames = try frames(header)
        guard header.isPair else {
            try source.skip(header.dataOffset - header.headerBytes)
            return try voxels(from: source, path: path, header: header, frames: frames, body)
        }
        let imagePath = try imagePath(ofHeader: path)
        let image = try ByteSource(path: imagePath)
        try image.skip(header.dataOffset)
        try voxels(from: image, path: imagePath, header: header, frames: frames, body)
    }

    private static func header(from source: borrowing ByteSource, path: String) throws(CardiacMRError) -> NIfTIHeader {
        var bytes = [UInt8](repeating: 0, count: NIfTIHeader.leadingBytes)
        try fill(&bytes, from: source)
        guard let (length, isBigEndian) = NIfTIHeader.announced(by: bytes) else {
            throw .reading(path, "it is not a NIfTI file", "give a .nii or .nii.gz file")
        }
        if length > bytes.count {
            var rest = [UInt8](repeating: 0, count: length - bytes.count)
            try fill(&rest, from: source)
            bytes += rest
        }
        return try NIfTIHeader(bytes: bytes, isBigEndian: isBigEndian, path: path)
    }

    private static func fill(_ bytes: inout [UInt8], from source: borrowing ByteSource) throws(CardiacMRError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { buffer.deallocate() }
        try source.read(into: buffer, "its header does")
        bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(buffer)) }
    }

    private static func imagePath(ofHeader path: String) throws(CardiacMRError) -> String {
        if let voxels = ImageName.voxels(ofHeader: path) { return voxels }
        throw .reading(
            path, "its voxels are in a separate .img file, and its name does not end in .hdr",
            "name the pair NAME.hdr and NAME.img")
    }

    /// Reads frames from a source that stands at the first frame.
    private static func voxels(
        from source: borrowing ByteSource, path: String, header: NIfTIHeader, frames: Range<Int>,
        _ body: (_ frame: Int, _ volume: Volume) throws(CardiacMRError) -> Void
    ) throws(CardiacMRError) {
        let fileSize = try FileStatus.size(ofFile: path)
        let all = header.dataOffset + header.frames * header.frameBytes
        // Deflate shrinks by at most 1032:1, so a file's size bounds what its header may claim.
        guard all <= fileSize * 1032 + 1024 else {
            throw .reading(
                path, "its header claims \(all) bytes, more than a file of \(fileSize) bytes can hold",
                "copy the file again from its source")
        }
        try source.skip(frames.lowerBound * header.frameBytes)
        for frame in frames { try body(frame, try voxels(from: source, header: header, frame: frame)) }
        try source.verifyEnd(limit: (header.frames - frames.upperBound) * header.frameBytes + 1 << 20)
    }

    /// Reads the frame that a source stands at.
    private static func voxels(
        from source: borrowing ByteSource, header: NIfTIHeader, frame: Int
    ) throws(CardiacMRError) -> Volume {
        let chunk = 1 << 18
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk * header.dataType.bytes, alignment: 16)
        let numbers = UnsafeMutableBufferPointer<Float>.allocate(capacity: chunk)
        defer {
            raw.deallocate()
            numbers.deallocate()
        }
        var voxels: [Float] = []
        // Grows with what the file really holds, not with what its header claims.
        voxels.reserveCapacity(min(header.grid.count, 1 << 24))
        while voxels.count < header.grid.count {
            let count = min(chunk, header.grid.count - voxels.count)
            try source.read(
                into: UnsafeMutableRawBufferPointer(rebasing: raw[..<(count * header.dataType.bytes)]),
                "the \(header.grid.count) voxels of frame \(frame) do")
            VoxelDecoding.decode(
                UnsafeRawBufferPointer(raw), count: count, header: header, into: numbers)
            voxels.append(contentsOf: numbers[..<count])
        }
        return Volume(grid: header.grid, voxels: voxels)
    }
}

extension NIfTIHeader {
    fileprivate var headerBytes: Int { version == 1 ? 348 : 540 }
}
