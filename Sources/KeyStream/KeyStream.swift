import Crypto
import CryptoExtras
import Foundation

/// The random words that a secret key stands for: AES-256 in counter mode.
///
/// A key has 2⁶⁴ lanes of words. The counter of 16-byte blocks in each is 64 bits wide, so that it never begins anew.
package enum KeyStream {
    /// Some words of a lane.
    /// - Parameters:
    ///   - key: 256 bits.
    ///   - first: the first of them, an even number.
    ///   - zeros: at least 8 · `count` bytes of 0, which the caller keeps.
    /// - Returns: 8 · `count` bytes; each word's lowest comes first.
    package static func words(
        _ key: SymmetricKey, lane: UInt64, from first: Int, count: Int, zeros: [UInt8]
    ) -> Data {
        precondition(first % 2 == 0 && zeros.count >= 8 * count, "words from \(first), \(count) of them")
        var nonce = [UInt8](repeating: 0, count: 16)
        withUnsafeBytes(of: lane.bigEndian) { nonce.replaceSubrange(0..<8, with: $0) }
        withUnsafeBytes(of: UInt64(first / 2).bigEndian) { nonce.replaceSubrange(8..<16, with: $0) }
        do {
            return try AES._CTR.encrypt(zeros[..<(8 * count)], using: key, nonce: AES._CTR.Nonce(nonceBytes: nonce))
        } catch { preconditionFailure("a key of 256 bits and a nonce of 128 encrypt: \(error)") }
    }
}
