import Tensors

/// Who takes part in a round, and with what weight in the server's average.
package struct RoundPlan: Sendable, Equatable {
    /// The round, from 1.
    package let round: Int
    /// Indices of the chosen centers that take part, ascending.
    package let centers: [Int]
    /// Indices of the chosen centers that drop out, ascending.
    package let absent: [Int]
    /// Indices of the centers that train, but whose updates come too late, ascending.
    package let late: [Int]
    /// Weight ω of each center that takes part; they add up to 1, but for samples that hide centers. A late one's is 0.
    package let weights: [Double]

    /// Chooses the round's centers: a fraction `participation`, at least one, at random by `seed` and round alone.
    /// - Parameters:
    ///   - volumes: training volumes of every center.
    ///   - dropout: how likely it is that a chosen center misses the round, by `seed`, round and center alone. One stays.
    ///   - stragglers: how likely it is that one which takes part is late, likewise. One is in time.
    package init(
        round: Int, volumes: [Int], participation: Double, dropout: Double = 0, stragglers: Double = 0,
        weighting: Configuration.Weighting, seed: UInt64
    ) {
        self.round = round
        let count = max(1, Int((participation * Double(volumes.count)).rounded()))
        var random = RandomStream(seed: seed, purpose: "participation", round)
        let chosen = random.permutation(of: volumes.count).prefix(count).sorted()
        /// Those of `centers` that a fault of this probability does not hit; the luckiest never is.
        func spared(_ centers: [Int], _ probability: Double, _ purpose: String) -> [Int] {
            let luck = centers.map { center in
                var random = RandomStream(seed: seed, purpose: purpose, round, center)
                return random.uniform()
            }
            let luckiest = luck.max() ?? 0
            return zip(centers, luck).filter { $1 >= probability || $1 == luckiest }.map(\.0)
        }
        let present = spared(chosen, dropout, "dropout")
        let punctual = Set(spared(present, stragglers, "stragglers"))
        centers = present
        absent = chosen.filter { !present.contains($0) }
        late = present.filter { !punctual.contains($0) }
        let shares = centers.map { !punctual.contains($0) ? 0 : weighting == .uniform ? 1 : Double(volumes[$0]) }
        let total = shares.reduce(0, +)
        weights = shares.map { $0 / total }
    }

    /// A round of a configuration.
    /// - Parameter sampling: where centers are hidden, what the round's sample follows from.
    package init(round: Int, volumes: [Int], _ configuration: Configuration, sampling: UInt64?) {
        if let sampling {
            self.init(round: round, sampledFrom: volumes.count, configuration, sampling: sampling)
            return
        }
        self.init(
            round: round, volumes: volumes, participation: configuration.participation, dropout: configuration.dropout,
            stragglers: configuration.stragglers, weighting: configuration.weighting, seed: configuration.seed)
    }

    /// A Poisson sample: each center takes part with the probability `participation`, whoever else does, and there may be none.
    /// All have the weight of an expected round, which tells nothing of who has come.
    private init(round: Int, sampledFrom count: Int, _ configuration: Configuration, sampling: UInt64) {
        self.round = round
        func isHit(_ center: Int, _ probability: Double, _ purpose: String, _ seed: UInt64) -> Bool {
            var random = RandomStream(seed: seed, purpose: purpose, round, center)
            return random.uniform() < probability
        }
        let chosen = (0..<count).filter { isHit($0, configuration.participation, "poisson", sampling) }
        absent = chosen.filter { isHit($0, configuration.dropout, "dropout", configuration.seed) }
        let missing = Set(absent)
        let present = chosen.filter { !missing.contains($0) }
        let late = present.filter { isHit($0, configuration.stragglers, "stragglers", configuration.seed) }
        let unpunctual = Set(late)
        centers = present
        self.late = late
        let weight = Self.expectedWeight(configuration, centers: count)
        weights = present.map { unpunctual.contains($0) ? 0 : weight }
    }

    /// The weight of each center in a Poisson sample.
    static func expectedWeight(_ configuration: Configuration, centers: Int) -> Double {
        1 / (configuration.participation * Double(centers))
    }

    /// The weight of a center; nil where it does not take part, or too late.
    package func weight(of center: Int) -> Double? {
        centers.firstIndex(of: center).map { weights[$0] }.flatMap { $0 > 0 ? $0 : nil }
    }
}
