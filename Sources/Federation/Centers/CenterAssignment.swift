import CardiacMR

/// Which rank hosts which centers.
///
/// Rank 0 is the server; the others host any number of centers each. A run of one rank is both. The assignment has no
/// influence on the result, only on how evenly the work is spread.
package struct CenterAssignment: Sendable {
    /// The rank of each center, in the order of the cohorts.
    package let rankOf: [Int]

    /// Spreads centers over ranks, largest first, each to the rank with the least work so far.
    /// - Parameter volumes: training volumes of each center.
    package init(volumes: [Int], ranks: Int) {
        var load = [Int](repeating: 0, count: ranks)
        var rankOf = [Int](repeating: 0, count: volumes.count)
        let hosts = ranks == 1 ? 0..<1 : 1..<ranks
        for center in volumes.indices.sorted(by: { (-volumes[$0], $0) < (-volumes[$1], $1) }) {
            let rank = hosts.min { (load[$0], $0) < (load[$1], $1) } ?? 0
            rankOf[center] = rank
            load[rank] += volumes[center]
        }
        self.rankOf = rankOf
    }

    /// The centers of a rank, in the order of the cohorts.
    package func centers(of rank: Int) -> [Int] { rankOf.indices.filter { rankOf[$0] == rank } }
}
