import Foundation
import Testing

import SecureAggregation

/// What ends an exchange: each case by one error that says what it was, before anything is released.
@Suite struct AdversaryTests {
    private func expectError(
        _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) {
        do {
            try body()
            Issue.record("no error", sourceLocation: sourceLocation)
        } catch let error as SecureAggregationError {
            #expect(error.description.contains(text), "\(error)", sourceLocation: sourceLocation)
        } catch { Issue.record("another error: \(error)", sourceLocation: sourceLocation) }
    }

    @Test func aForgedKeyIsRefusedBySignature() throws {
        let exchange = Exchange(Array(0..<4))
        let keys = try (0..<4).compactMap { try exchange.centers[$0]?.advertise() }
        // The server in the middle: its own keys in the place of center 2's.
        let middle = SecureCenter(2, exchange.context, exchange.graph, CenterIdentity())
        var forged = keys
        forged[2] = try middle.advertise()
        expectError("keys of center 2: they are not signed by the center's key") {
            _ = try exchange.centers[1]?.share(forged, publicKey: exchange.publicKey)
        }
        // Or one of the fields alone.
        for change in 0..<3 {
            let altered = Exchange(Array(0..<4), identities: exchange.identities)
            var keys = try (0..<4).compactMap { try altered.centers[$0]?.advertise() }
            switch change {
            case 0: keys[2].masking = keys[1].masking
            case 1: keys[2].sealing = keys[1].sealing
            default: keys[2].commitment[0] ^= 1
            }
            expectError("not signed") { _ = try altered.centers[1]?.share(keys, publicKey: altered.publicKey) }
        }
        // Another center's keys under this one's name.
        let swapped = Exchange(Array(0..<4), identities: exchange.identities)
        var taken = try (0..<4).compactMap { try swapped.centers[$0]?.advertise() }
        taken[2].center = 1
        expectError("passed on two") { _ = try swapped.centers[0]?.share(taken, publicKey: swapped.publicKey) }
    }

    @Test func aShareAlteredInOneBitIsFound() throws {
        for place in [0, 12, 50, 107] {
            var exchange = Exchange(Array(0..<4))
            exchange.keys = try (0..<4).compactMap { try exchange.centers[$0]?.advertise() }
            exchange.shares = try (0..<4).compactMap {
                try exchange.centers[$0]?.share(exchange.keys, publicKey: exchange.publicKey)
            }
            #expect(exchange.shares[2].boxes[1]?.count == 108)
            exchange.shares[2].boxes[1]?[place] ^= 4
            expectError("shares of center 2: they were not sealed for center 1") {
                try exchange.centers[1]?.accept(exchange.shares)
            }
        }
        // Sealed for another.
        var exchange = Exchange(Array(0..<4))
        exchange.keys = try (0..<4).compactMap { try exchange.centers[$0]?.advertise() }
        exchange.shares = try (0..<4).compactMap {
            try exchange.centers[$0]?.share(exchange.keys, publicKey: exchange.publicKey)
        }
        exchange.shares[2].boxes[1] = exchange.shares[2].boxes[0]
        expectError("not sealed for center 1") { try exchange.centers[1]?.accept(exchange.shares) }
    }

    @Test func aRevealedShareThatWasAlteredReleasesNothing() throws {
        var exchange = Exchange(Array(0..<6))
        try exchange.begin()
        let contributing = Array(0..<5)
        let server = SecureServer(exchange.context, exchange.graph)
        let request = try server.request(sharing: Array(0..<6), contributing: contributing)
        let honest = try contributing.compactMap { try exchange.centers[$0]?.reveal(request) }
        func streams(_ revealed: [RevealedShares]) throws {
            _ = try server.streams(request, keys: exchange.keys, sharing: Array(0..<6), revealed: revealed)
        }
        try streams(honest)
        var altered = honest
        altered[1].seeds[3]?.values[0] ^= 1
        expectError("shares of center 3: they do not give back the secret") { try streams(altered) }
        altered = honest
        altered[0].keys[5]?.values[4] ^= 1
        expectError("shares of center 5: they do not give back the secret") { try streams(altered) }
        // With no share to spare, the commitment tells.
        altered = Array(honest.prefix(4))
        altered[1].seeds[3]?.values[0] ^= 1
        expectError("shares of center 3: they do not give back the secret") { try streams(altered) }
    }

    @Test func aServerThatAsksForBothKindsIsRefused() throws {
        var exchange = Exchange(Array(0..<6))
        try exchange.begin()
        let center = try #require(exchange.centers[1])
        expectError("both secrets of center 3") {
            _ = try center.reveal(.init(exchange.context, survivors: [0, 1, 2, 3, 4], dropped: [3, 5]))
        }
        // One after the other.
        _ = try center.reveal(.init(exchange.context, survivors: [0, 1, 2, 3, 4], dropped: [5]))
        expectError("asks for other shares of this attempt") {
            _ = try center.reveal(.init(exchange.context, survivors: [0, 1, 2, 4, 5], dropped: [3]))
        }
        // The same again is no news.
        _ = try center.reveal(.init(exchange.context, survivors: [0, 1, 2, 3, 4], dropped: [5]))
        // Half of the centers told one list and half another do not make up a threshold of either.
        let graph = SharingGraph(Array(0..<6), seed: 1, round: 1)
        for center in 0..<6 { #expect(2 * graph.threshold(of: center) > graph.holders(of: center).count) }
    }

    @Test func tooFewAreRefused() throws {
        var exchange = Exchange(Array(0..<6))
        try exchange.begin()
        let server = SecureServer(exchange.context, exchange.graph)
        expectError("of fewer than 3") { _ = try server.request(sharing: Array(0..<6), contributing: [1, 4]) }
        let center = try #require(exchange.centers[1])
        expectError("a sum of 2 contributions") {
            _ = try center.reveal(.init(exchange.context, survivors: [1, 4], dropped: [0, 2, 3, 5]))
        }
        expectError("3 of the centers that hold shares of center 1 are among the survivors, and 4 are needed") {
            _ = try center.reveal(.init(exchange.context, survivors: [1, 4, 5], dropped: [0, 2, 3]))
        }
        expectError("not among the survivors") {
            _ = try center.reveal(.init(exchange.context, survivors: [0, 2, 4, 5], dropped: [1, 3]))
        }
        // Answers are missing.
        let request = try server.request(sharing: Array(0..<6), contributing: Array(0..<6))
        let revealed = try [0, 2, 5].compactMap { try exchange.centers[$0]?.reveal(request) }
        expectError("3 shares of the own mask of center 0 have come, and 4 are needed") {
            _ = try server.streams(request, keys: exchange.keys, sharing: Array(0..<6), revealed: revealed)
        }
        // Too few say their keys.
        var early = Exchange(Array(0..<6))
        expectError("3 of the 6 centers that hold shares of center 0 are there") {
            try early.begin(withoutKeys: [1, 2, 3])
        }
        early = Exchange(Array(0..<6))
        expectError("have shared theirs, and 4 are needed") { try early.begin(withoutShares: [1, 2, 3]) }
    }

    @Test func messagesOfAnEarlierAttemptAreRefused() throws {
        var old = Exchange(Array(0..<4), attempt: 1)
        try old.begin()
        var new = Exchange(Array(0..<4), attempt: 2, identities: old.identities)
        let keys = try (0..<4).compactMap { try new.centers[$0]?.advertise() }
        var replayed = keys
        replayed[3] = old.keys[3]
        expectError("keys of center 3: they are not signed by the center's key in cohort.json for this round") {
            _ = try new.centers[0]?.share(replayed, publicKey: new.publicKey)
        }
        new = Exchange(Array(0..<4), attempt: 2, identities: old.identities)
        new.keys = try (0..<4).compactMap { try new.centers[$0]?.advertise() }
        new.shares = try (0..<4).compactMap { try new.centers[$0]?.share(new.keys, publicKey: new.publicKey) }
        var shares = new.shares
        shares[3] = old.shares[3]
        expectError("shares of center 3: they were not sealed for center 0 in this round") {
            try new.centers[0]?.accept(shares)
        }
        let request = UnmaskRequest(old.context, survivors: [0, 1, 2, 3], dropped: [])
        expectError("of another round or attempt") { _ = try new.centers[0]?.reveal(request) }
    }

    @Test func identitiesAreReadBackAndOthersAreNot() throws {
        let identity = CenterIdentity()
        #expect(CenterIdentity(secret: identity.secret + "\n")?.publicKey == identity.publicKey)
        for text in ["", "x", identity.publicKey + "AAAA", String(identity.secret.dropLast(4))] {
            #expect(CenterIdentity(secret: text) == nil)
        }
        #expect(CenterIdentity.isPublicKey(identity.publicKey))
        #expect(!CenterIdentity.isPublicKey("AAAA"))
        // Each has its own.
        #expect(Set((0..<20).map { _ in CenterIdentity().publicKey }).count == 20)
    }
}
