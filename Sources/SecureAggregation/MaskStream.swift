import Crypto
import Foundation
import KeyStream
import Tensors

/// A stream of 64-bit words that hides a contribution: of a ``KeyStream``, under a key that is used for one sum alone.
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
                let made = KeyStream.words(
                    stream.key, lane: UInt64(part), from: first, count: count, zeros: zeros)
                made.withUnsafeBytes { words in
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
}
