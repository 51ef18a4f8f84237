import Tensors

/// Who takes part in a round, and with what weight in the server's average.
package struct RoundPlan: Sendable, Equatable {
    /// The round, from 1.
    package let round: Int
    /// Indices of the chosen centers that take part, ascending.
    package let centers: [Int]
    /// Indices of the chosen centers that drop out, ascending.
    package let absent: [Int]
    /// Weight ω of each center that takes part; they add up to 1.
    package let weights: [Double]

    /// Chooses the round's centers: a fraction `participation`, at least one, at random by `seed` and round alone.
    /// - Parameters:
    ///   - volumes: training volumes of every center.
    ///   - dropout: how likely it is that a chosen center misses the round, by `seed`, round and center alone. One stays.
    package init(
        round: Int, volumes: [Int], participation: Double, dropout: Double = 0,
        weighting: Configuration.Aggregation.Weights, seed: UInt64
    ) {
        self.round = round
        let count = max(1, Int((participation * Double(volumes.count)).rounded()))
        var random = RandomStream(seed: seed, purpose: "participation", round)
        let chosen = random.permutation(of: volumes.count).prefix(count).sorted()
        let luck = chosen.map { center in
            var random = RandomStream(seed: seed, purpose: "dropout", round, center)
            return random.uniform()
        }
        let luckiest = luck.max() ?? 0
        let stays = luck.map { $0 >= dropout || $0 == luckiest }
        centers = zip(chosen, stays).filter(\.1).map(\.0)
        absent = zip(chosen, stays).filter { !$0.1 }.map(\.0)
        let shares = centers.map { weighting == .uniform ? 1 : Double(volumes[$0]) }
        let total = shares.reduce(0, +)
        weights = shares.map { $0 / total }
    }

    /// The weight of a center; nil where it does not take part.
    package func weight(of center: Int) -> Double? {
        centers.firstIndex(of: center).map { weights[$0] }
    }
}
