import Crypto
import Foundation

/// What all messages and keys of an exchange are bound to: the run, the round, the attempt, who takes part and what is added
/// up. What was made for another is worth nothing here.
package struct RoundContext: Sendable, Equatable {
    /// 32 bytes that stand for all of it.
    let digest: [UInt8]

    /// - Parameters:
    ///   - run: what tells the run from all others.
    ///   - round: its round, from 1.
    ///   - attempt: the run's secure exchanges so far, this one included: no two have the same.
    ///   - layout: the numbers of values that are added up, in their order.
    ///   - centers: the chosen ones.
    package init(run: String, round: Int, attempt: Int, layout: [Int], centers: [Int]) {
        let lists = [layout, centers].map { $0.map(String.init).joined(separator: ",") }
        let text = (["fedcrld secure aggregation 1", run, "\(round)", "\(attempt)"] + lists).joined(separator: "\n")
        digest = Array(SHA256.hash(data: Data(text.utf8)))
    }

    /// The bytes that some parts of a message are bound by: each with its length, so that no two lists have the same.
    func bound(_ purpose: String, _ parts: [UInt8]...) -> Data {
        var bytes = Data(digest)
        for part in [Array(purpose.utf8)] + parts {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part)
        }
        return bytes
    }

    /// A key of 256 bits for one purpose.
    func key(_ secret: SharedSecret, _ purpose: String, _ first: Int, _ second: Int) -> SymmetricKey {
        secret.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: Data(), sharedInfo: bound(purpose, first.bytes, second.bytes), outputByteCount: 32
        )
    }

    /// A key of 256 bits from a center's own random bytes.
    func key(_ seed: [UInt8], of center: Int) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: seed), salt: Data(), info: bound("self mask", center.bytes),
            outputByteCount: 32)
    }

    /// What a center says of its own random bytes before it is asked for them.
    func commitment(_ seed: [UInt8], of center: Int) -> Data {
        Data(SHA256.hash(data: bound("commitment", center.bytes, seed)))
    }
}

extension Int {
    /// Eight bytes, the lowest first.
    var bytes: [UInt8] { withUnsafeBytes(of: Int64(self).littleEndian) { Array($0) } }
}
