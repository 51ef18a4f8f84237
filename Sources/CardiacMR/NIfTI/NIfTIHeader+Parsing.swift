extension NIfTIHeader {
    /// Bytes to read before the version is known.
    static let leadingBytes = 348
    static let longestHeader = 540

    /// The header length that the first bytes announce, and their byte order; nil when this is no NIfTI header.
    static func announced(by bytes: [UInt8]) -> (length: Int, isBigEndian: Bool)? {
        for isBigEndian in [false, true] {
            let length = HeaderBytes(bytes: bytes, isBigEndian: isBigEndian).integer(Int32.self, at: 0)
            if length == 348 || length == 540 { return (Int(length), isBigEndian) }
        }
        return nil
    }

    /// Parses and checks a whole header.
    /// - Parameters:
    ///   - bytes: 348 bytes of version 1 or 540 of version 2.
    ///   - path: the file's name, for errors.
    init(bytes: [UInt8], isBigEndian: Bool, path: String) throws(CardiacMRError) {
        let layout: NIfTILayout = bytes.count == 348 ? .version1 : .version2
        let header = HeaderBytes(bytes: bytes, isBigEndian: isBigEndian)
        func invalid(_ reason: String) -> CardiacMRError {
            .reading(path, "its header is not valid: \(reason)", "export the file again with the tool that made it")
        }

        let magic = String(decoding: bytes[layout.magic..<layout.magic + 3], as: UTF8.self)
        guard magic == "n+\(layout.version)" || magic == "ni\(layout.version)", bytes[layout.magic + 3] == 0 else {
            throw invalid("it has no NIfTI magic (an ANALYZE 7.5 file?)")
        }
        let (size, frames) = try Self.dimensions(header, layout, invalid)

        let code = header.integer(Int16.self, at: layout.dataType)
        guard let dataType = NIfTIDataType(rawValue: code) else {
            throw CardiacMRError.reading(
                path, "its data type \(code) is not supported", "convert the voxels to integers or floats")
        }
        var bytesOfAll = dataType.bytes
        for factor in [size.x, size.y, size.z, frames] {
            let (product, overflow) = bytesOfAll.multipliedReportingOverflow(by: factor)
            guard !overflow, product < 1 << 62 else { throw invalid("its dimensions overflow") }
            bytesOfAll = product
        }

        let isPair = magic.hasPrefix("ni")
        version = layout.version
        self.isBigEndian = isBigEndian
        self.isPair = isPair
        self.dataType = dataType
        self.frames = frames
        // Times are in seconds unless the units say milliseconds (16) or microseconds (24).
        let interval = layout.real(header, layout.pixdim, 4)
        let second: Double =
            switch bytes[layout.units] & 0x38 {
            case 16: 1e-3
            case 24: 1e-6
            default: 1
            }
        frameInterval = interval.isFinite && interval > 0 ? interval * second : 0
        grid = try Self.grid(header, layout, size, invalid)
        dataOffset = try Self.dataOffset(header, layout, isPair: isPair, invalid)

        let slope = layout.real(header, layout.slope)
        let intercept = layout.real(header, layout.intercept)
        if slope == 0 || !slope.isFinite {
            (self.slope, self.intercept) = (1, 0)
        } else {
            guard intercept.isFinite else { throw invalid("its intercept is \(intercept)") }
            (self.slope, self.intercept) = (slope, intercept)
        }
    }

    private static func dimensions(
        _ header: HeaderBytes, _ layout: NIfTILayout, _ invalid: (String) -> CardiacMRError
    ) throws(CardiacMRError) -> (size: SIMD3<Int>, frames: Int) {
        let count = layout.dimension(header, 0)
        guard (1...7).contains(count) else { throw invalid("it has \(count) dimensions, not 1 to 7") }
        var dimensions = [Int](repeating: 1, count: 7)
        for index in 0..<count {
            let dimension = layout.dimension(header, index + 1)
            guard dimension >= 1 else { throw invalid("dimension \(index + 1) is \(dimension)") }
            dimensions[index] = dimension
        }
        guard dimensions[4...].allSatisfy({ $0 == 1 }) else {
            throw invalid("it has several values per voxel (dimensions \(dimensions[..<count]))")
        }
        return ([dimensions[0], dimensions[1], dimensions[2]], dimensions[3])
    }

    private static func dataOffset(
        _ header: HeaderBytes, _ layout: NIfTILayout, isPair: Bool, _ invalid: (String) -> CardiacMRError
    ) throws(CardiacMRError) -> Int {
        let least = isPair ? 0 : layout.headerBytes
        var offset = 0
        if layout.version == 1 {
            let stored = header.single(at: layout.dataOffset)
            guard let whole = Int(exactly: stored) else { throw invalid("its voxels begin at byte \(stored)") }
            offset = whole
        } else {
            offset = Int(header.integer(Int64.self, at: layout.dataOffset))
        }
        // Some writers leave 0 in single files: the voxels then follow header and extension flag.
        if offset == 0, !isPair { offset = layout.headerBytes + 4 }
        guard (least...1 << 50).contains(offset) else { throw invalid("its voxels begin at byte \(offset)") }
        return offset
    }

    private static func grid(
        _ header: HeaderBytes, _ layout: NIfTILayout, _ size: SIMD3<Int>, _ invalid: (String) -> CardiacMRError
    ) throws(CardiacMRError) -> Grid {
        // Lengths are in mm unless the units say meters (1) or micrometers (3).
        let unit: Double =
            switch header.bytes[layout.units] & 7 {
            case 1: 1000
            case 3: 0.001
            default: 1
            }
        func triple(_ offset: Int, _ first: Int = 0) -> SIMD3<Double> {
            [
                layout.real(header, offset, first), layout.real(header, offset, first + 1),
                layout.real(header, offset, first + 2),
            ]
        }
        var spacing = triple(layout.pixdim, 1)
        spacing = [abs(spacing.x), abs(spacing.y), abs(spacing.z)]

        var affine: Affine?
        if layout.code(header, layout.sformCode) > 0 {
            let rows = (0..<3).map { row in (0..<4).map { layout.real(header, layout.sform, 4 * row + $0) } }
            func column(_ index: Int) -> SIMD3<Double> { [rows[0][index], rows[1][index], rows[2][index]] }
            let sform = Affine(x: column(0), y: column(1), z: column(2), origin: column(3))
            guard sform.isFinite else { throw invalid("its sform holds numbers that are not finite") }
            affine = sform
        }
        for axis in 0..<3 where !(spacing[axis].isFinite && spacing[axis] > 0) {
            let length = affine?.columnLengths[axis] ?? 0
            guard length > 0 || size[axis] == 1 else {
                throw invalid("the voxel size along axis \(axis + 1) is \(spacing[axis])")
            }
            spacing[axis] = length > 0 ? length : 1
        }
        if affine == nil, layout.code(header, layout.qformCode) > 0 {
            let rotation = triple(layout.quaternion)
            let qform = Affine(
                quaternion: rotation.x, rotation.y, rotation.z,
                factor: layout.real(header, layout.pixdim, 0) < 0 ? -1 : 1, spacing: spacing,
                origin: triple(layout.qoffset))
            guard qform.isFinite else { throw invalid("its qform holds numbers that are not finite") }
            affine = qform
        }
        var result = affine ?? Affine(spacing: spacing)
        if unit != 1 {
            result = Affine(
                x: result.x * unit, y: result.y * unit, z: result.z * unit, origin: result.origin * unit)
            spacing *= unit
        }
        return Grid(size: size, spacing: spacing, affine: result)
    }
}
