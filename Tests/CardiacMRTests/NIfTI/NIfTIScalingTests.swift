import Testing

import CardiacMR

@Suite("NIfTI: stored values")
struct NIfTIScalingTests {
    /// A file of four voxels, stored as bytes say, with slope and intercept.
    private static func file(_ type: NIfTIDataType, _ voxels: [UInt8], slope: Float, intercept: Float) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 352)
        func put(_ value: some FixedWidthInteger, at offset: Int) {
            withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
        }
        put(Int32(348), at: 0)
        for (index, size) in [3, 4, 1, 1, 1, 1, 1, 1].enumerated() { put(Int16(size), at: 40 + 2 * index) }
        put(type.rawValue, at: 70)
        put(Int16(8 * type.bytes), at: 72)
        for index in 0..<4 { put(Float(1).bitPattern, at: 76 + 4 * index) }
        put(Float(352).bitPattern, at: 108)
        put(slope.bitPattern, at: 112)
        put(intercept.bitPattern, at: 116)
        bytes.replaceSubrange(344..<348, with: Array("n+1".utf8) + [0])
        return bytes + voxels
    }

    private static let values = [0, 1, 2, 100]

    private static func stored(_ type: NIfTIDataType) -> [UInt8] {
        values.flatMap { value -> [UInt8] in
            switch type {
            case .float32: withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { Array($0) }
            case .float64: withUnsafeBytes(of: Double(value).bitPattern.littleEndian) { Array($0) }
            default: withUnsafeBytes(of: Int64(value).littleEndian) { Array($0.prefix(type.bytes)) }
            }
        }
    }

    @Test(
        "of every type they are scaled by slope and intercept, which count as 1 and 0 where the slope is 0 or none",
        arguments: NIfTIDataType.allCases,
        [(1, 0, 1, 0), (0.5, -3, 0.5, -3), (-2, 0, -2, 0), (1, 7, 1, 7), (0, 9, 1, 0), (Float.nan, 9, 1, 0)]
            as [(Float, Float, Float, Float)])
    func scaled(_ type: NIfTIDataType, _ scaling: (slope: Float, intercept: Float, a: Float, b: Float)) throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/scaled.nii"
            try write(
                Self.file(type, Self.stored(type), slope: scaling.slope, intercept: scaling.intercept), to: path)
            let wanted = Self.values.map { Float($0) * scaling.a + scaling.b }
            #expect(try NIfTI.read(path).voxels == wanted)
        }
    }
}
