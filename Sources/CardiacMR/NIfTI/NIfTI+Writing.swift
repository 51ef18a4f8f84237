internal import CZlib

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension NIfTI {
    /// How an image's voxels are stored.
    package enum Encoding: Sendable {
        /// As they are.
        case float32
        /// Rounded to the nearest integer.
        case int16, uint8

        fileprivate var dataType: NIfTIDataType {
            switch self {
            case .float32: .float32
            case .int16: .int16
            case .uint8: .uint8
            }
        }
    }

    /// Writes an image as NIfTI-1, compressed where the name ends in `.gz`. The file appears under its name when it is
    /// complete. The same volume always gives the same bytes.
    /// - Throws: when a value does not fit the encoding, or the file cannot be written.
    package static func write(_ volume: Volume, to path: String, as encoding: Encoding = .float32)
        throws(CardiacMRError)
    {
        let voxels = volume.voxels
        let range: ClosedRange<Float>? =
            switch encoding {
            case .float32: nil
            case .int16: -32768...32767
            case .uint8: 0...255
            }
        if let range, let index = voxels.firstIndex(where: { !range.contains($0.rounded()) }) {
            throw .writing(
                path, "voxel \(volume.grid.voxel(at: index)) is \(voxels[index]), which \(encoding) cannot hold",
                "scale the image or write float32")
        }
        try write(volume.grid, nil, encoding.dataType, to: path) { chunk, bytes in
            switch encoding {
            case .float32: for voxel in voxels[chunk] { bytes.append(littleEndian: voxel.bitPattern) }
            case .int16: for voxel in voxels[chunk] { bytes.append(littleEndian: Int16(voxel.rounded())) }
            case .uint8: for voxel in voxels[chunk] { bytes.append(UInt8(voxel.rounded())) }
            }
        }
    }

    /// Writes a segmentation as uint8, otherwise like an image.
    /// - Parameter geometry: the image's own header fields, which are copied as they are.
    package static func write(
        _ volume: LabelVolume, geometry: NIfTIGeometry? = nil, to path: String
    ) throws(CardiacMRError) {
        try write(volume.grid, geometry, .uint8, to: path) { chunk, bytes in bytes += volume.labels[chunk] }
    }

    /// Writes the segmentations of an image's frames as one 4-D image.
    /// - Parameters:
    ///   - frames: of one grid, at least one.
    ///   - interval: from a frame to the next, in seconds.
    ///   - geometry: the image's own header fields, which are copied as they are.
    package static func write(
        _ frames: [LabelVolume], interval: Double, geometry: NIfTIGeometry? = nil, to path: String
    ) throws(CardiacMRError) {
        guard let grid = frames.first?.grid else { preconditionFailure("an image has at least one frame") }
        precondition(frames.allSatisfy { $0.grid == grid }, "frames of one grid")
        try write(grid, geometry, .uint8, frames: frames.count, interval: interval, to: path) { chunk, bytes in
            // Chunks may go beyond a frame's end.
            var place = chunk.lowerBound
            while place < chunk.upperBound {
                let frame = place / grid.count
                let end = min(chunk.upperBound, (frame + 1) * grid.count)
                bytes += frames[frame].labels[place - frame * grid.count..<end - frame * grid.count]
                place = end
            }
        }
    }

    private static func write(
        _ grid: Grid, _ geometry: NIfTIGeometry?, _ dataType: NIfTIDataType, frames: Int = 1, interval: Double = 0,
        to path: String,
        _ append: (_ voxels: Range<Int>, _ bytes: inout [UInt8]) -> Void
    ) throws(CardiacMRError) {
        guard max(grid.size.max(), frames) <= Int(Int16.max) else {
            throw .writing(path, "NIfTI-1 holds at most 32767 voxels along an axis", "write smaller volumes")
        }
        let partial = "\(path).partial-\(getpid())"
        // Level 3: noise hardly shrinks further, and level 6 takes twice the time. "T": plain.
        guard let file = gzopen(partial, ImageName.isCompressed(path) ? "wb3" : "wbT") else {
            throw .writing(path, String(cString: strerror(errno)), "check that the folder exists and is writable")
        }
        var good = true
        func put(_ bytes: [UInt8]) {
            good = good && gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count)
        }
        put(headerBytes(grid.size, geometry ?? NIfTIGeometry(grid), dataType, frames: frames, interval: interval))
        let chunk = 1 << 18
        var bytes: [UInt8] = []
        bytes.reserveCapacity(chunk * dataType.bytes)
        let count = frames * grid.count
        for start in stride(from: 0, to: count, by: chunk) where good {
            bytes.removeAll(keepingCapacity: true)
            append(start..<min(start + chunk, count), &bytes)
            put(bytes)
        }
        guard gzclose_w(file) == Z_OK, good, rename(partial, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(partial)
            throw .writing(path, reason, "check the disk's free space and the folder's permissions")
        }
    }

    /// 348 bytes of header and 4 that say "no extension".
    private static func headerBytes(
        _ size: SIMD3<Int>, _ geometry: NIfTIGeometry, _ dataType: NIfTIDataType, frames: Int, interval: Double
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 352)
        func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
            for index in 0..<Value.bitWidth / 8 {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }
        func put(_ value: Double, at offset: Int) { put(Float(value).bitPattern, at: offset) }
        let layout = NIfTILayout.version1
        put(Int32(348), at: 0)
        let dimensions = [frames > 1 ? 4 : 3, size.x, size.y, size.z, frames, 1, 1, 1]
        for (index, size) in dimensions.enumerated() {
            put(Int16(size), at: layout.dim + 2 * index)
        }
        put(dataType.rawValue, at: layout.dataType)
        put(Int16(8 * dataType.bytes), at: 72)
        put(352.0, at: layout.dataOffset)
        put(1.0, at: layout.slope)
        // Seconds where there is a time.
        bytes[layout.units] = geometry.lengthUnit + (frames > 1 ? 8 : 0)
        put(frames > 1 ? interval : 0, at: layout.pixdim + 16)
        put(geometry.handedness, at: layout.pixdim)
        put(Int16(clamping: geometry.qformCode), at: layout.qformCode)
        put(Int16(clamping: geometry.sformCode), at: layout.sformCode)
        for axis in 0..<3 {
            put(geometry.spacing[axis], at: layout.pixdim + 4 * (axis + 1))
            put(geometry.quaternion[axis], at: layout.quaternion + 4 * axis)
            put(geometry.qoffset[axis], at: layout.qoffset + 4 * axis)
        }
        for (index, value) in geometry.sform.enumerated() { put(value, at: layout.sform + 4 * index) }
        bytes.replaceSubrange(layout.magic..<layout.magic + 4, with: Array("n+1".utf8) + [0])
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        for index in 0..<Value.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
}
