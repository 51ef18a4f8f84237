import Crypto
import CryptoExtras
import Foundation
import Tensors

/// A stream of 64-bit words that hides a contribution: AES-256 in counter mode, under a key that is used for one sum alone.
package struct MaskStream: Sendable {
    let key: SymmetricKey
    /// Whether the stream is subtracted.
    let isNegative: Bool

    init(_ key: SymmetricKey, isNegative: Bool) {
        self.key = key
        self.isNegative = isNegative
    }

    /// A stream of a key of 32 bytes.
    package init(key: [UInt8], isNegative: Bool = false) {
        self.init(SymmetricKey(data: key), isNegative: isNegative)
    }

    /// The stream that undoes this one.
    package var opposite: MaskStream { MaskStream(key, isNegative: !isNegative) }

    /// Words that are made at a time.
    private static let block = 32 << 10
    private static let zeros = [UInt8](repeating: 0, count: 8 * block)

    /// Adds streams to sums, wrapping around; of each the words from 0 on of a part of its own.
    /// - Parameter part: what is added up here; each part of a round's sum has its own words.
    package static func add(_ streams: [MaskStream], part: Int, to sums: UnsafeMutableBufferPointer<UInt64>) {
        guard let base = sums.baseAddress, !streams.isEmpty else { return }
        nonisolated(unsafe) let target = base
        Parallel.shared.loop((sums.count + block - 1) / block) { task in
            let first = task * block
            let count = min(block, sums.count - first)
            for stream in streams {
                stream.words(part: part, from: first, count: count).withUnsafeBytes { words in
                    let words = words.assumingMemoryBound(to: UInt64.self)
                    if stream.isNegative {
                        for index in 0..<count { target[first + index] &-= UInt64(littleEndian: words[index]) }
                    } else {
                        for index in 0..<count { target[first + index] &+= UInt64(littleEndian: words[index]) }
                    }
                }
            }
        }
    }

    /// Some words of a part.
    /// - Parameter first: a multiple of ``block``.
    private func words(part: Int, from first: Int, count: Int) -> Data {
        // The counter of 16-byte blocks is 64 bits wide, so that it never begins anew.
        var nonce = [UInt8](repeating: 0, count: 16)
        withUnsafeBytes(of: UInt64(part).bigEndian) { nonce.replaceSubrange(0..<8, with: $0) }
        withUnsafeBytes(of: UInt64(first / 2).bigEndian) { nonce.replaceSubrange(8..<16, with: $0) }
        do {
            return try AES._CTR.encrypt(
                Self.zeros[..<(8 * count)], using: key, nonce: AES._CTR.Nonce(nonceBytes: nonce))
        } catch { preconditionFailure("a key of 256 bits and a nonce of 128 encrypt: \(error)") }
    }
}
