import CardiacMR

/// Which rank hosts which centers.
///
/// Rank 0 is the server; the others host any number of centers each. A run of one rank is both. The assignment has no
/// influence on the result, only on how evenly the work is spread.
package struct CenterAssignment: Sendable {
    /// A center that goes to another rank.
    package struct Move: Codable, Sendable, Equatable {
        /// Index of the center.
        package let center: Int
        /// Where it was and where it goes.
        package let from, to: Int
    }

    /// The rank of each center, in the order of the cohorts.
    package private(set) var rankOf: [Int]
    private let hosts: Range<Int>

    /// Spreads centers over ranks, largest first, each to the rank with the least work so far.
    /// - Parameter volumes: training volumes of each center.
    package init(volumes: [Int], ranks: Int) {
        hosts = ranks == 1 ? 0..<1 : 1..<ranks
        rankOf = [Int](repeating: hosts.lowerBound, count: volumes.count)
        var load = [Int](repeating: 0, count: ranks)
        for center in volumes.indices.sorted(by: { (-volumes[$0], $0) < (-volumes[$1], $1) }) {
            let rank = hosts.min { (load[$0], $0) < (load[$1], $1) } ?? 0
            rankOf[center] = rank
            load[rank] += volumes[center]
        }
    }

    /// The centers of a rank, in the order of the cohorts.
    package func centers(of rank: Int) -> [Int] { rankOf.indices.filter { rankOf[$0] == rank } }

    /// The moves that spread a round's work evenly: longest first, each center stays where it is unless that rank is
    /// full, and goes to the rank with the least work otherwise.
    /// - Parameters:
    ///   - centers: who takes part.
    ///   - seconds: what each of them takes.
    package func moves(_ centers: [Int], seconds: [Double]) -> [Move] {
        let longest = seconds.max() ?? 0
        // A rank is full when it has its share of the work; some slack spares moves that gain next to nothing.
        let full = 1.05 * max(longest, seconds.reduce(0, +) / Double(hosts.count))
        var load = [Double](repeating: 0, count: hosts.upperBound)
        var moves: [Move] = []
        for (seconds, center) in zip(seconds, centers).sorted(by: { (-$0.0, $0.1) < (-$1.0, $1.1) }) {
            let home = rankOf[center]
            let least = hosts.min { (load[$0], $0) < (load[$1], $1) } ?? home
            let rank = load[home] + seconds <= full ? home : least
            load[rank] += seconds
            if rank != home { moves.append(Move(center: center, from: home, to: rank)) }
        }
        return moves.sorted { $0.center < $1.center }
    }

    /// Carries moves out.
    package mutating func apply(_ moves: [Move]) { for move in moves { rankOf[move.center] = move.to } }
}
