import Foundation

/// First, from each center to all: its keys of the round, signed.
package struct AdvertisedKeys: Codable, Sendable, Equatable {
    /// The center.
    package var center: Int
    /// The X25519 key that pairs' masks follow from.
    package var masking: Data
    /// The X25519 key that shares are sealed with.
    package var sealing: Data
    /// What the center's own mask must follow from, without telling it.
    package var commitment: Data
    /// Of all that, by the center's long-term key.
    package var signature: Data

    /// What is signed.
    func signed(_ context: RoundContext) -> Data {
        context.bound("keys", center.bytes, Array(masking), Array(sealing), Array(commitment))
    }
}

/// Second, from each center to each of its neighbours, by way of the server: shares of its two secrets, sealed.
package struct SealedShares: Codable, Sendable, Equatable {
    /// The sender.
    package var center: Int
    /// By receiver.
    package var boxes: [Int: Data]
}

/// Fourth, from the server to all centers: whose contributions are in the sum, and whose are not.
package struct UnmaskRequest: Codable, Sendable, Equatable {
    /// The attempt that it is of.
    package var context: Data
    /// Those whose own masks are to be removed, ascending.
    package var survivors: [Int]
    /// Those whose masks with the survivors are to be removed, ascending.
    package var dropped: [Int]

    /// A request in an attempt.
    package init(_ context: RoundContext, survivors: [Int], dropped: [Int]) {
        self.context = Data(context.digest)
        self.survivors = survivors
        self.dropped = dropped
    }
}

/// Fifth, from each center to the server: its shares of one secret of each.
package struct RevealedShares: Codable, Sendable, Equatable {
    /// The sender.
    package var center: Int
    /// Shares of survivors' own seeds.
    package var seeds: [Int: ShamirSharing.Share]
    /// Shares of the masking keys of those that dropped out.
    package var keys: [Int: ShamirSharing.Share]
}
