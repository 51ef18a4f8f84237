import SecureAggregation
import Tensors

/// What happens to the centers of a round in the course of its secure exchange, where `dropout` and `stragglers` simulate faults:
/// each stage has some that do not come any further.
struct SecureFaults: Equatable {
    /// All that were chosen, ascending.
    let chosen: [Int]
    /// Those that say no keys.
    let withoutKeys: Set<Int>
    /// Those that say their keys and share nothing.
    let withoutShares: Set<Int>
    /// Those whose contributions are in the sum.
    let contributing: Set<Int>
    /// Those whose contributions are in the sum and who do not answer afterwards.
    let silent: Set<Int>

    /// The faults of a round's plan. Those who drop out of it do at some stage before their contribution, those who are late do
    /// there, and as many again fall silent behind it; all follow from the seed.
    init(_ plan: RoundPlan, dropout: Double, seed: UInt64) {
        chosen = (plan.centers + plan.absent).sorted()
        contributing = Set(zip(plan.centers, plan.weights).filter { $1 > 0 }.map(\.0))
        var stages: [Int: Int] = [:]
        for center in plan.absent {
            var random = RandomStream(seed: seed, purpose: "secure dropout", plan.round, center)
            stages[center] = Int(3 * random.uniform())
        }
        withoutKeys = Set(plan.absent.filter { stages[$0] == 0 })
        withoutShares = Set(plan.absent.filter { stages[$0] == 1 })
        silent = contributing.filter { center in
            var random = RandomStream(seed: seed, purpose: "secure silence", plan.round, center)
            return random.uniform() < dropout
        }
    }

    /// All of so many centers, none of which fails.
    init(ofAll count: Int) {
        chosen = Array(0..<count)
        contributing = Set(chosen)
        (withoutKeys, withoutShares, silent) = ([], [], [])
    }

    /// Those that say their keys.
    var saying: [Int] { chosen.filter { !withoutKeys.contains($0) } }
    /// Those that share their secrets.
    var sharing: [Int] { saying.filter { !withoutShares.contains($0) } }

    /// Why the round cannot be; nil where it can.
    func refusal(_ graph: SharingGraph) -> String? {
        guard contributing.count >= SecureServer.fewestSurvivors else {
            return "\(contributing.count) of its \(chosen.count) centers contribute, and a sum of fewer than "
                + "\(SecureServer.fewestSurvivors) tells too much of each"
        }
        guard contributing.count >= ReleasedNoise.shares(of: chosen.count) else {
            return "\(contributing.count) of its \(chosen.count) centers contribute, and more than half must"
        }
        let (sharers, answering) = (Set(sharing), contributing.subtracting(silent))
        for center in sharers {
            let holders = graph.holders(of: center)
            let left = holders.filter { answering.contains($0) }
            guard left.count >= graph.threshold(of: center) else {
                return
                    "\(left.count) of the \(holders.count) centers that hold shares of one center's secrets stay, and "
                    + "\(graph.threshold(of: center)) are needed"
            }
        }
        return nil
    }
}
