import Crypto
import Foundation

/// A center's side of one exchange (Bonawitz et al., Practical Secure Aggregation for Privacy-Preserving Machine Learning, CCS
/// 2017): it says its keys, shares two secrets among its neighbours, masks its contribution, and tells its shares of one secret
/// of each of them.
///
/// A value is of one attempt at one round; a second attempt has fresh keys, so that no stream masks two sums.
package final class SecureCenter {
    /// The center's index.
    package let center: Int
    private let context: RoundContext
    private let graph: SharingGraph
    private let identity: CenterIdentity
    private let masking = Curve25519.KeyAgreement.PrivateKey()
    private let sealing = Curve25519.KeyAgreement.PrivateKey()
    private let seed: [UInt8]
    /// The keys of the neighbours and its own.
    private var keys: [Int: AdvertisedKeys] = [:]
    /// Shares of others' secrets, and of its own.
    private var held: [Int: (key: ShamirSharing.Share, seed: ShamirSharing.Share)] = [:]
    /// Whose shares are out: those that masks are with.
    private var partners: [Int] = []
    private var answered: UnmaskRequest?

    /// A center at the beginning of an exchange.
    package init(_ center: Int, _ context: RoundContext, _ graph: SharingGraph, _ identity: CenterIdentity) {
        self.center = center
        self.context = context
        self.graph = graph
        self.identity = identity
        var generator = SystemRandomNumberGenerator()
        seed = (0..<ShamirSharing.secretBytes).map { _ in generator.next() }
    }

    /// First: its keys.
    package func advertise() throws -> AdvertisedKeys {
        var keys = AdvertisedKeys(
            center: center, masking: masking.publicKey.rawRepresentation, sealing: sealing.publicKey.rawRepresentation,
            commitment: context.commitment(seed, of: center), signature: Data())
        keys.signature = try identity.signature(of: keys.signed(context))
        return keys
    }

    /// Second: shares of its secrets for those neighbours that have said their keys.
    /// - Parameters:
    ///   - all: the keys that the server passes on.
    ///   - publicKey: the long-term key that a center is known by.
    /// - Throws: where a key is not its center's, or too few have said theirs.
    package func share(
        _ all: [AdvertisedKeys], publicKey: (Int) -> String
    ) throws -> SealedShares {
        let holders = graph.holders(of: center)
        for message in all where holders.contains(message.center) {
            guard keys.updateValue(message, forKey: message.center) == nil else {
                throw SecureAggregationError.forged("keys", from: message.center, "the server has passed on two")
            }
            guard CenterIdentity.isSigned(message.signed(context), by: publicKey(message.center), message.signature)
            else {
                throw SecureAggregationError.forged(
                    "keys", from: message.center,
                    "they are not signed by the center's key in cohort.json for this round and attempt")
            }
        }
        let threshold = graph.threshold(of: center)
        let present = holders.filter { keys[$0] != nil }
        guard present.count >= threshold else {
            throw SecureAggregationError.tooFew(
                "the round's contributions",
                "\(present.count) of the \(holders.count) centers that hold shares of center \(center) are there, and "
                    + "\(threshold) are needed")
        }
        var generator = SystemRandomNumberGenerator()
        let sharing = ShamirSharing(threshold: threshold)
        let shares = zip(
            sharing.split(Array(masking.rawRepresentation), holders: holders.count, using: &generator),
            sharing.split(seed, holders: holders.count, using: &generator))
        var boxes: [Int: Data] = [:]
        for (holder, share) in zip(holders, shares) {
            guard holder != center else {
                held[center] = (share.0, share.1)
                continue
            }
            guard keys[holder] != nil else { continue }
            let content = (share.0.values + share.1.values).reduce(into: Data()) { bytes, number in
                withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
            }
            boxes[holder] = try ChaChaPoly.seal(
                content, using: sealingKey(with: holder, from: center, to: holder), authenticating: context.digest
            ).combined
        }
        return SealedShares(center: center, boxes: boxes)
    }

    /// Third: opens what its neighbours have sent. From then on it is known with whom it masks.
    /// - Parameter all: what the server passes on.
    package func accept(_ all: [SealedShares]) throws {
        partners = []
        for message in all where message.center != center {
            guard let box = message.boxes[center] else { continue }
            guard held[message.center] == nil else {
                throw SecureAggregationError.forged("shares", from: message.center, "the server has passed on two")
            }
            let opened = try? ChaChaPoly.open(
                ChaChaPoly.SealedBox(combined: box),
                using: sealingKey(with: message.center, from: message.center, to: center),
                authenticating: context.digest)
            guard let opened, opened.count == 16 * ShamirSharing.numbers,
                let place = graph.holders(of: message.center).firstIndex(of: center)
            else {
                throw SecureAggregationError.forged(
                    "shares", from: message.center,
                    "they were not sealed for center \(center) in this round and attempt")
            }
            let numbers = Array(opened).withUnsafeBytes { bytes in
                (0..<2 * ShamirSharing.numbers).map {
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self))
                }
            }
            let point = UInt64(place + 1)
            held[message.center] = (
                ShamirSharing.Share(point: point, values: Array(numbers[..<ShamirSharing.numbers])),
                ShamirSharing.Share(point: point, values: Array(numbers[ShamirSharing.numbers...]))
            )
            partners.append(message.center)
        }
        let threshold = graph.threshold(of: center)
        guard held.count >= threshold else {
            throw SecureAggregationError.tooFew(
                "the round's contributions",
                "\(held.count) of the centers that hold shares of center \(center) have shared theirs, and \(threshold) "
                    + "are needed")
        }
    }

    /// The streams that its contribution is masked by: its own, and one with each neighbour, which that one subtracts where
    /// this one adds.
    /// - Parameter companions: centers whose contributions are added up with this one's before anything leaves the
    ///   process: the streams with them cancel there, and are left out.
    package func masks(among companions: Set<Int> = []) throws -> [MaskStream] {
        let own = MaskStream(context.key(seed, of: center), isNegative: false)
        return try [own]
            + partners.filter { !companions.contains($0) }.map { other in
                MaskStream(try maskingKey(with: other), isNegative: center > other)
            }
    }

    /// Fifth: its shares of one secret of each center that it holds shares of.
    /// - Throws: where the request would tell both secrets of a center, is another than before, or is of too few.
    package func reveal(_ request: UnmaskRequest) throws -> RevealedShares {
        let (survivors, dropped) = (Set(request.survivors), Set(request.dropped))
        guard answered == nil || answered == request else {
            throw SecureAggregationError.refused("it asks for other shares of this attempt than before")
        }
        guard request.context == Data(context.digest) else {
            throw SecureAggregationError.refused("it is of another round or attempt")
        }
        if let both = survivors.intersection(dropped).min() {
            throw SecureAggregationError.refused("it asks for both secrets of center \(both)")
        }
        guard survivors.contains(center) else {
            throw SecureAggregationError.refused("center \(center) has contributed, and is not among the survivors")
        }
        guard survivors.count >= SecureServer.fewestSurvivors else {
            throw SecureAggregationError.refused(
                "a sum of \(survivors.count) contributions tells too much of each; at least "
                    + "\(SecureServer.fewestSurvivors) are needed")
        }
        let staying = graph.holders(of: center).filter(survivors.contains)
        guard staying.count >= graph.threshold(of: center) else {
            throw SecureAggregationError.refused(
                "\(staying.count) of the centers that hold shares of center \(center) are among the survivors, and "
                    + "\(graph.threshold(of: center)) are needed")
        }
        answered = request
        return RevealedShares(
            center: center, seeds: held.filter { survivors.contains($0.key) }.mapValues(\.seed),
            keys: held.filter { dropped.contains($0.key) && $0.key != center }.mapValues(\.key))
    }

    private func maskingKey(with other: Int) throws -> SymmetricKey {
        try Self.maskingKey(masking, center, of: keys[other], context)
    }

    /// The key that two centers' stream follows from, by the private key of one and what the other has said.
    static func maskingKey(
        _ own: Curve25519.KeyAgreement.PrivateKey, _ center: Int, of other: AdvertisedKeys?, _ context: RoundContext
    ) throws -> SymmetricKey {
        guard let other, let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: other.masking),
            let secret = try? own.sharedSecretFromKeyAgreement(with: key)
        else { throw SecureAggregationError.forged("keys", from: other?.center ?? -1, "they are no keys of X25519") }
        return context.key(secret, "pair mask", min(center, other.center), max(center, other.center))
    }

    private func sealingKey(with other: Int, from sender: Int, to receiver: Int) throws -> SymmetricKey {
        guard let message = keys[other],
            let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: message.sealing),
            let secret = try? sealing.sharedSecretFromKeyAgreement(with: key)
        else { throw SecureAggregationError.forged("keys", from: other, "they are missing, or no keys of X25519") }
        return context.key(secret, "shares", sender, receiver)
    }
}
