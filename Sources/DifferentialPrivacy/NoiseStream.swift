import Crypto
import Foundation
import KeyStream

/// Random words for noise, of a ``KeyStream`` of a secret key: as good as the system's, and they come fast.
struct NoiseStream: RandomNumberGenerator {
    private let key: SymmetricKey
    private let lane: UInt64
    private var place = 0
    private var batch: [UInt64] = []
    private var batches = 0
    private static let batchWords = 512
    private static let zeros = [UInt8](repeating: 0, count: 8 * batchWords)

    /// The words of a key's lane; no two lanes have the same.
    init(_ key: NoiseKey, lane: UInt64) {
        self.key = key.key
        self.lane = lane
    }

    mutating func next() -> UInt64 {
        if place == batch.count { refill() }
        defer { place += 1 }
        return batch[place]
    }

    /// A number in (0, 1], of 53 bits.
    mutating func uniform() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    private mutating func refill() {
        let made = KeyStream.words(
            key, lane: lane, from: batches * Self.batchWords, count: Self.batchWords, zeros: Self.zeros)
        batches += 1
        batch = made.withUnsafeBytes { bytes in
            (0..<Self.batchWords).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
            }
        }
        place = 0
    }
}

/// What noise follows from: to be known to nobody.
package struct NoiseKey: Sendable {
    let key: SymmetricKey

    /// A key of the system's generator.
    package init() { key = SymmetricKey(size: .bits256) }

    /// A key that anyone can make again: for tests of what must have the same bits, and no protection.
    package init(insecure purpose: String) { key = SymmetricKey(data: SHA256.hash(data: Data(purpose.utf8))) }
}
