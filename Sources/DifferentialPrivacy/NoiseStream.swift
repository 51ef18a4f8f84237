import Crypto
import CryptoExtras
import Foundation

/// Random words for noise: AES-256 in counter mode under a secret key, so that they are as good as the system's and come fast.
struct NoiseStream: RandomNumberGenerator {
    private let key: SymmetricKey
    private let lane: UInt64
    private var next64 = 0
    private var batch: [UInt64] = []
    private var batches: UInt64 = 0
    private static let batchWords = 512
    private static let zeros = [UInt8](repeating: 0, count: 8 * batchWords)

    /// The words of a key's lane; no two lanes have the same.
    init(_ key: NoiseKey, lane: UInt64) {
        self.key = key.key
        self.lane = lane
    }

    mutating func next() -> UInt64 {
        if next64 == batch.count { refill() }
        defer { next64 += 1 }
        return batch[next64]
    }

    /// A number in (0, 1], of 53 bits.
    mutating func uniform() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }

    private mutating func refill() {
        var nonce = [UInt8](repeating: 0, count: 16)
        withUnsafeBytes(of: lane.bigEndian) { nonce.replaceSubrange(0..<8, with: $0) }
        withUnsafeBytes(of: (batches * UInt64(Self.batchWords / 2)).bigEndian) {
            nonce.replaceSubrange(8..<16, with: $0)
        }
        batches += 1
        do {
            let bytes = try AES._CTR.encrypt(Self.zeros, using: key, nonce: AES._CTR.Nonce(nonceBytes: nonce))
            batch = bytes.withUnsafeBytes { bytes in
                (0..<Self.batchWords).map {
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
                }
            }
        } catch { preconditionFailure("a key of 256 bits and a nonce of 128 encrypt: \(error)") }
        next64 = 0
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
