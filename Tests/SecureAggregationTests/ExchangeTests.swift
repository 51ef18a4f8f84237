import Foundation
import Testing

import SecureAggregation

/// An exchange among centers of one process, message by message.
struct Exchange {
    let graph: SharingGraph
    let context: RoundContext
    var identities: [Int: CenterIdentity]
    var centers: [Int: SecureCenter]
    var keys: [AdvertisedKeys] = []
    var shares: [SealedShares] = []

    init(_ chosen: [Int], degree: Int? = nil, attempt: Int = 1, identities: [Int: CenterIdentity]? = nil) {
        graph =
            degree.map { SharingGraph(chosen, degree: $0, seed: 1, round: 1) }
            ?? SharingGraph(chosen, seed: 1, round: 1)
        context = RoundContext(run: "run", round: 1, attempt: attempt, layout: [Self.words], centers: chosen)
        self.identities =
            identities ?? Dictionary(uniqueKeysWithValues: chosen.map { ($0, CenterIdentity()) })
        let (known, context, graph) = (self.identities, self.context, self.graph)
        centers = Dictionary(
            uniqueKeysWithValues: chosen.map { ($0, SecureCenter($0, context, graph, known[$0] ?? CenterIdentity())) })
    }

    static let words = 1000

    func publicKey(_ center: Int) -> String { identities[center]?.publicKey ?? "" }

    /// The first two steps, and what the third makes of them, without some centers.
    mutating func begin(withoutKeys: Set<Int> = [], withoutShares: Set<Int> = []) throws {
        let saying = graph.centers.filter { !withoutKeys.contains($0) }
        keys = try saying.compactMap { try centers[$0]?.advertise() }
        shares = try saying.filter { !withoutShares.contains($0) }.compactMap {
            try centers[$0]?.share(keys, publicKey: publicKey)
        }
        for message in shares { try centers[message.center]?.accept(shares) }
    }

    /// A center's contribution, and what of it leaves the center.
    static func contribution(_ center: Int) -> [UInt64] {
        (0..<words).map { UInt64(bitPattern: Int64((center + 1) * ($0 - 500))) &* 0x9E37_79B9 }
    }

    func masked(_ center: Int, among companions: Set<Int> = []) throws -> [UInt64] {
        try Self.add(centers[center]?.masks(among: companions) ?? [], to: Self.contribution(center))
    }

    static func add(_ streams: [MaskStream], part: Int = 0, to values: [UInt64]) -> [UInt64] {
        var sums = values
        sums.withUnsafeMutableBufferPointer { MaskStream.add(streams, part: part, to: $0) }
        return sums
    }

    static func sum(_ all: [[UInt64]]) -> [UInt64] {
        all.reduce([UInt64](repeating: 0, count: words)) { zip($0, $1).map { $0 &+ $1 } }
    }

    /// The sum of the contributions out of the masked ones.
    func sum(of contributing: [Int], silent: Set<Int> = [], masked: [[UInt64]]) throws -> [UInt64] {
        let server = SecureServer(context, graph)
        let sharing = shares.map(\.center)
        let request = try server.request(sharing: sharing, contributing: contributing)
        let revealed = try contributing.filter { !silent.contains($0) }.compactMap { try centers[$0]?.reveal(request) }
        let streams = try server.streams(request, keys: keys, sharing: sharing, revealed: revealed)
        return Self.add(streams.map(\.opposite), to: Self.sum(masked))
    }
}

@Suite struct ExchangeTests {
    @Test(arguments: [(3, nil), (6, nil), (51, nil), (40, 10)] as [(Int, Int?)])
    func theSumComesOutExactly(count: Int, degree: Int?) throws {
        var exchange = Exchange(Array(0..<count), degree: degree)
        try exchange.begin()
        let all = Array(0..<count)
        let masked = try all.map { try exchange.masked($0) }
        #expect(try exchange.sum(of: all, masked: masked) == Exchange.sum(all.map(Exchange.contribution)))
        // The masks do not cancel by themselves.
        #expect(Exchange.sum(masked) != Exchange.sum(all.map(Exchange.contribution)))
    }

    @Test(arguments: [nil, 8] as [Int?])
    func centersDropOutAtEachStage(degree: Int?) throws {
        let all = Array(stride(from: 2, to: 32, by: 2))
        var exchange = Exchange(all, degree: degree)
        try exchange.begin(withoutKeys: [4], withoutShares: [16])
        // Two share their secrets and contribute nothing; one contributes and does not answer.
        let contributing = all.filter { ![4, 16, 10, 28].contains($0) }
        let masked = try contributing.map { try exchange.masked($0) }
        #expect(
            try exchange.sum(of: contributing, silent: [22], masked: masked)
                == Exchange.sum(contributing.map(Exchange.contribution)))
    }

    @Test func streamsWithinAProcessMayBeLeftOut() throws {
        var exchange = Exchange(Array(0..<7))
        try exchange.begin()
        // 5 drops out, though it is hosted with 3 and 4.
        let hosts: [Set<Int>] = [[0, 1, 2], [3, 4], [6]]
        let contributing = hosts.flatMap { $0 }.sorted()
        let whole = try hosts.map { host in Exchange.sum(try host.map { try exchange.masked($0) }) }
        let sparing = try hosts.map { host in Exchange.sum(try host.map { try exchange.masked($0, among: host) }) }
        #expect(whole == sparing, "what leaves a process is the same")
        #expect(
            try exchange.sum(of: contributing, masked: sparing) == Exchange.sum(contributing.map(Exchange.contribution))
        )
    }

    @Test func whatReachesTheServerIsUniform() throws {
        var exchange = Exchange(Array(0..<4))
        try exchange.begin()
        var words: [UInt64] = []
        for center in 0..<4 { words += try exchange.masked(center) }
        for attempt in 2..<6 {
            var again = Exchange(Array(0..<4), attempt: attempt, identities: exchange.identities)
            try again.begin()
            for center in 0..<4 { words += try again.masked(center) }
        }
        expectUniform(words)
        // Without its own mask and one pair's a contribution is far from it.
        #expect(Set(Exchange.contribution(0).map { $0 >> 60 }).count < 16)
    }

    @Test func noTwoSumsAreUnderOneStream() throws {
        // The worst instant: a round's masked sum has left, and the round is done again.
        let identities = Dictionary(uniqueKeysWithValues: (0..<5).map { ($0, CenterIdentity()) })
        var attempts: [[UInt64]] = []
        for attempt in 1...4 {
            var exchange = Exchange(Array(0..<5), attempt: attempt, identities: identities)
            try exchange.begin()
            attempts.append(try exchange.masked(3))
        }
        // Were two streams equal, the difference of the same contribution would be nothing, or small.
        var differences: [UInt64] = []
        for first in 0..<4 {
            for second in 0..<first { differences += zip(attempts[first], attempts[second]).map { $0 &- $1 } }
        }
        expectUniform(differences)
    }

    /// Each bit is set in half of the words, and each byte has all values: both within six standard deviations.
    private func expectUniform(_ words: [UInt64], sourceLocation: SourceLocation = #_sourceLocation) {
        let count = Double(words.count)
        for bit in 0..<64 {
            let ones = Double(words.count { $0 >> UInt64(bit) & 1 == 1 })
            #expect(abs(ones - count / 2) < 3 * count.squareRoot(), "bit \(bit)", sourceLocation: sourceLocation)
        }
        for byte in 0..<8 {
            var seen = [Double](repeating: 0, count: 256)
            for word in words { seen[Int(word >> UInt64(8 * byte) & 255)] += 1 }
            let expected = count / 256
            let chi = seen.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
            // 255 degrees of freedom: variance 510.
            #expect(abs(chi - 255) < 6 * 510.0.squareRoot(), "byte \(byte): \(chi)", sourceLocation: sourceLocation)
        }
        #expect(Set(words).count == words.count, sourceLocation: sourceLocation)
    }
}
