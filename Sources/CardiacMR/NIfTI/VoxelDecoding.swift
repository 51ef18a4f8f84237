/// Turns stored voxels of any type and byte order into scaled floats.
enum VoxelDecoding {
    /// - Parameter numbers: room for `count` values.
    static func decode(
        _ raw: UnsafeRawBufferPointer, count: Int, header: NIfTIHeader, into numbers: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(raw.count >= count * header.dataType.bytes && numbers.count >= count)
        func integers<Stored: FixedWidthInteger>(_ type: Stored.Type) {
            if header.slope == 1, header.intercept == 0 {
                each(type) { Float($0) }
            } else {
                each(type) { Float(Double($0) * header.slope + header.intercept) }
            }
        }
        func each<Stored: FixedWidthInteger>(_ type: Stored.Type, _ value: (Stored) -> Float) {
            for index in 0..<count {
                let stored = raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: type)
                numbers[index] = value(header.isBigEndian ? Stored(bigEndian: stored) : Stored(littleEndian: stored))
            }
        }
        let (slope, intercept) = (header.slope, header.intercept)
        let isScaled = slope != 1 || intercept != 0
        switch header.dataType {
        case .uint8: integers(UInt8.self)
        case .int8: integers(Int8.self)
        case .int16: integers(Int16.self)
        case .uint16: integers(UInt16.self)
        case .int32: integers(Int32.self)
        case .uint32: integers(UInt32.self)
        case .int64: integers(Int64.self)
        case .uint64: integers(UInt64.self)
        case .float32:
            each(UInt32.self) {
                let value = Float(bitPattern: $0)
                return isScaled ? Float(Double(value) * slope + intercept) : value
            }
        case .float64:
            each(UInt64.self) {
                let value = Double(bitPattern: $0)
                return Float(isScaled ? value * slope + intercept : value)
            }
        }
    }
}
