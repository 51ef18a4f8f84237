import Tensors

/// Who takes part in a round, and with what weight in the server's average.
package struct RoundPlan: Sendable, Equatable {
    /// The round, from 1.
    package let round: Int
    /// Indices of the chosen centers, ascending.
    package let centers: [Int]
    /// Weight ω of each chosen center; they add up to 1.
    package let weights: [Double]

    /// Chooses the round's centers: a fraction `participation`, at least one, at random by `seed` and round alone.
    /// - Parameter volumes: training volumes of every center.
    package init(
        round: Int, volumes: [Int], participation: Double, weighting: Configuration.Aggregation.Weights, seed: UInt64
    ) {
        self.round = round
        let count = max(1, Int((participation * Double(volumes.count)).rounded()))
        var random = RandomStream(seed: seed, purpose: "participation", round)
        centers = random.permutation(of: volumes.count).prefix(count).sorted()
        let shares = centers.map { weighting == .uniform ? 1 : Double(volumes[$0]) }
        let total = shares.reduce(0, +)
        weights = shares.map { $0 / total }
    }

    /// The weight of a center; nil where it does not take part.
    package func weight(of center: Int) -> Double? {
        centers.firstIndex(of: center).map { weights[$0] }
    }
}
