import Crypto

/// What a center compares with the others of what the server has sent it: a SHA-256.
package struct BroadcastFingerprint {
    private var hash = SHA256()

    /// Of nothing yet.
    package init() {}

    /// Adds bytes.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    /// Four words.
    package var words: [UInt64] {
        Array(hash.finalize()).withUnsafeBytes { bytes in
            (0..<4).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
    }
}
