import Foundation

extension [Float] {
    /// The values' bytes as files have them.
    var littleEndianBytes: Data { withUnsafeBytes { Data($0) } }
}

extension [Int64] {
    /// The values' bytes as files have them.
    var littleEndianBytes: Data { withUnsafeBytes { Data($0) } }
}
