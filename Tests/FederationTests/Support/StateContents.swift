import FedCRLD
import Federation
import Foundation
import NeuralNetwork
import Tensors

/// All that a center's state holds, as bits.
struct StateContents: Equatable {
    private var values: [String: Data] = [:]
    private var steps: [String: Int] = [:]
    private var trainedRound: Int

    init(_ state: CenterState) {
        trainedRound = state.trainedRound
        for (part, bank) in state.orderedParts {
            func note(_ name: String, _ tensor: Tensor) {
                values["\(part) \(name)"] = Data(buffer: tensor.values)
            }
            note("network", bank.network)
            note("bank", bank.bank)
            for (name, adam) in [("network", bank.networkOptimizer), ("bank", bank.bankOptimizer)] {
                note(name + " first", adam.firstMoment)
                note(name + " second", adam.secondMoment)
                steps["\(part) \(name)"] = adam.step
            }
        }
    }

    /// Fills a state with numbers that no other center and round has, as if it had been trained.
    static func scramble(_ state: CenterState, round: Int) {
        for (part, bank) in state.orderedParts {
            let tensors = [
                bank.network, bank.bank, bank.networkOptimizer.firstMoment, bank.networkOptimizer.secondMoment,
                bank.bankOptimizer.firstMoment, bank.bankOptimizer.secondMoment,
            ]
            for (number, tensor) in tensors.enumerated() {
                // Unlike in every place, and cheap where nothing is optimized.
                let key = RandomStream.hash("\(state.name) \(part) \(round) \(number)") % 10_007
                var place = 0
                while place < tensor.count {
                    tensor.base[place] = Float((place &* 7919 &+ Int(key)) % 20_011) / 10_000 - 1
                    place &+= 1
                }
            }
            // The parts of a center take their steps together.
            bank.networkOptimizer.step = 10 * round
            bank.bankOptimizer.step = 20 * round
        }
    }
}
