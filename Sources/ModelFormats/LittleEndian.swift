import Foundation

extension Array where Element: BitwiseCopyable {
    /// The numbers' bytes as files have them.
    var littleEndianBytes: Data { withUnsafeBytes { Data($0) } }
}
