import Foundation
import Tensors

/// Who masks with whom: all with all while they are few, and with more than 50 each with some neighbours (Bell et al.,
/// Secure Single-Server Aggregation with (Poly)Logarithmic Overhead, CCS 2020).
///
/// It follows from the round's centers alone, on whatever ranks they are.
package struct SharingGraph: Sendable, Equatable {
    /// The chosen centers, ascending.
    package let centers: [Int]
    /// The fraction of a center's neighbours that may fail for its masks to be removable all the same.
    package static let toleratedDropout = 0.25
    /// More centers than this have neighbours only.
    static let largestComplete = 50
    /// The chance that one center of a round has too few neighbours left, at the tolerated dropout.
    private static let failure = 0x1p-40
    /// Each center's neighbours, ascending.
    private let neighbours: [Int: [Int]]

    /// The graph of a round.
    /// - Parameters:
    ///   - centers: indices of those that are chosen.
    ///   - seed, round: what the neighbourhoods follow from.
    package init(_ centers: [Int], seed: UInt64, round: Int) {
        self.init(centers, degree: Self.degree(centers.count), seed: seed, round: round)
    }

    /// A graph with a degree of its own.
    /// - Parameter degree: neighbours of each; even, or all others.
    package init(_ centers: [Int], degree: Int, seed: UInt64, round: Int) {
        let centers = centers.sorted()
        self.centers = centers
        guard degree < centers.count - 1 else {
            neighbours = Dictionary(
                uniqueKeysWithValues: centers.map { center in (center, centers.filter { $0 != center }) })
            return
        }
        // A random order on a ring; neighbours are the nearest on both sides.
        var random = RandomStream(seed: seed, purpose: "secure aggregation", round)
        let ring = random.permutation(of: centers.count)
        var found: [Int: [Int]] = [:]
        for place in ring.indices {
            let near = (1...degree / 2).flatMap { distance in
                [ring[(place + distance) % ring.count], ring[(place + ring.count - distance) % ring.count]]
            }
            found[centers[ring[place]]] = near.map { centers[$0] }.sorted()
        }
        neighbours = found
    }

    /// The neighbours of a center, ascending.
    package func neighbours(of center: Int) -> [Int] { neighbours[center] ?? [] }

    /// Who holds shares of a center's secrets: its neighbours and itself, ascending.
    package func holders(of center: Int) -> [Int] { (neighbours(of: center) + [center]).sorted() }

    /// How many shares tell a secret of a center: more than half, so that no two halves can be told different things.
    package func threshold(of center: Int) -> Int { (neighbours(of: center).count + 1) / 2 + 1 }

    /// The neighbours of each of so many centers: all, up to 50; else the fewest, an even number, of which more than half
    /// stay but once in 2⁴⁰ rounds, where a quarter of all fail.
    package static func degree(_ count: Int) -> Int {
        guard count > largestComplete else { return max(0, count - 1) }
        for degree in stride(from: largestComplete, to: count - 1, by: 2) {
            let failing = degree + 1 - (degree / 2 + 1) + 1
            if tail(degree + 1, atLeast: failing) * Double(count) <= failure { return degree }
        }
        return count - 1
    }

    /// The chance that of some independent centers so many fail: an upper bound of what drawing without replacement gives.
    private static func tail(_ count: Int, atLeast failing: Int) -> Double {
        guard failing <= count else { return 0 }
        // By Chernoff's bound.
        let (share, usual) = (Double(failing) / Double(count), toleratedDropout)
        guard share > usual else { return 1 }
        let distance = share * log(share / usual) + (share < 1 ? (1 - share) * log((1 - share) / (1 - usual)) : 0)
        return exp(-distance * Double(count))
    }
}
