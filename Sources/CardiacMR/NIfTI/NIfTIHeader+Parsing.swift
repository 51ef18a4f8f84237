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
        geometry = NIfTIGeometry(header, layout)
        grid = try Self.grid(geometry, size, invalid)
        // An axis of one voxel may lack a size, which programs that read a copy of the field would stumble over.
        for axis in 0..<3 where geometry.spacing[axis] == 0 { geometry.spacing[axis] = 1 }
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
            guard dimension >= 0 else { throw invalid("dimension \(index + 1) is \(dimension)") }
            // Some writers leave 0 for an axis that is not there.
            dimensions[index] = max(1, dimension)
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
        _ geometry: NIfTIGeometry, _ size: SIMD3<Int>, _ invalid: (String) -> CardiacMRError
    ) throws(CardiacMRError) -> Grid {
        var spacing = SIMD3<Double>(abs(geometry.spacing.x), abs(geometry.spacing.y), abs(geometry.spacing.z))
        for axis in 0..<3 where spacing[axis] == 0 {
            guard size[axis] == 1 else { throw invalid("it gives no voxel size along axis \(axis + 1)") }
            spacing[axis] = 1
        }
        var affine = Affine(spacing: spacing)
        if geometry.sformCode > 0 {
            affine = geometry.sformAffine
        } else if geometry.qformCode > 0 {
            affine = geometry.qformAffine
        }
        let unit = geometry.millimeters
        if unit != 1 {
            affine = Affine(
                x: affine.x * unit, y: affine.y * unit, z: affine.z * unit, origin: affine.origin * unit)
            spacing *= unit
        }
        return Grid(size: size, spacing: spacing, affine: affine, isPlaced: geometry.isPlaced)
    }
}
