/// Typed access to a header's bytes in the file's byte order. Offsets are checked against the header's length.
struct HeaderBytes {
    let bytes: [UInt8]
    let isBigEndian: Bool

    func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self, at offset: Int) -> Value {
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 {
            let byte = bytes[offset + (isBigEndian ? index : Value.bitWidth / 8 - 1 - index)]
            value = (Value.bitWidth > 8 ? value << 8 : 0) | Value(truncatingIfNeeded: byte)
        }
        return value
    }

    /// A float32 at `offset`, as a Double.
    func single(at offset: Int) -> Double { Double(Float(bitPattern: integer(at: offset))) }

    func double(at offset: Int) -> Double { Double(bitPattern: integer(at: offset)) }
}
