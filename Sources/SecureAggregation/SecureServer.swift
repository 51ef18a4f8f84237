import Crypto
import Foundation

/// The server's side of one exchange: it passes messages on, and finds the streams that are in the sum out of the shares that
/// centers tell it.
package struct SecureServer {
    /// Contributions that a sum must have: of two, each knows the other's.
    package static let fewestSurvivors = 3
    private let context: RoundContext
    private let graph: SharingGraph

    /// The server of an attempt at a round.
    package init(_ context: RoundContext, _ graph: SharingGraph) {
        self.context = context
        self.graph = graph
    }

    /// Fourth: whose contributions are in the sum.
    /// - Parameters:
    ///   - sharing: the centers whose shares were passed on.
    ///   - contributing: those whose contributions have come.
    package func request(sharing: [Int], contributing: [Int]) throws -> UnmaskRequest {
        let survivors = contributing.sorted()
        guard survivors.count >= Self.fewestSurvivors else {
            throw SecureAggregationError.tooFew(
                "the round's contributions",
                "there \(survivors.count == 1 ? "is" : "are") \(survivors.count), and of fewer than "
                    + "\(Self.fewestSurvivors) the sum would tell too much of each")
        }
        return UnmaskRequest(
            context, survivors: survivors, dropped: sharing.filter { !contributing.contains($0) }.sorted())
    }

    /// Sixth: the streams that are in the sum, to be undone.
    /// - Throws: where too few shares of a secret have come, or they are not what was shared.
    package func streams(
        _ request: UnmaskRequest, keys: [AdvertisedKeys], sharing: [Int], revealed: [RevealedShares]
    ) throws -> [MaskStream] {
        let known = Dictionary(keys.map { ($0.center, $0) }) { first, _ in first }
        var streams: [MaskStream] = []
        for survivor in request.survivors {
            let seed = try secret(of: survivor, "own mask", revealed.compactMap { $0.seeds[survivor] })
            guard context.commitment(seed, of: survivor) == known[survivor]?.commitment else { throw altered(survivor) }
            streams.append(MaskStream(context.key(seed, of: survivor), isNegative: false))
        }
        let survivors = Set(request.survivors)
        for dropped in request.dropped {
            let partners = graph.neighbours(of: dropped).filter(survivors.contains)
            // Nobody has masked with it.
            guard sharing.contains(dropped), !partners.isEmpty else { continue }
            let bytes = try secret(of: dropped, "masking key", revealed.compactMap { $0.keys[dropped] })
            guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: bytes),
                key.publicKey.rawRepresentation == known[dropped]?.masking
            else { throw altered(dropped) }
            for partner in partners {
                // As the partner has it.
                streams.append(
                    MaskStream(
                        try SecureCenter.maskingKey(key, dropped, of: known[partner], context),
                        isNegative: partner > dropped))
            }
        }
        return streams
    }

    private func secret(of center: Int, _ which: String, _ shares: [ShamirSharing.Share]) throws -> [UInt8] {
        let threshold = graph.threshold(of: center)
        guard shares.count >= threshold else {
            throw SecureAggregationError.tooFew(
                "the round's contributions",
                "\(shares.count) shares of the \(which) of center \(center) have come, and \(threshold) are needed")
        }
        guard let secret = ShamirSharing(threshold: threshold).join(shares) else { throw altered(center) }
        return secret
    }

    private func altered(_ center: Int) -> SecureAggregationError {
        .forged("shares", from: center, "they do not give back the secret that the center has shared")
    }
}
