import FederatedLearning
import Federation
import Foundation
import NeuralNetwork
import Tensors

/// All that a center's state holds, as bits.
struct StateContents: Equatable {
    private var values: [String: Data] = [:]
    private var steps: [String: [Int]] = [:]
    private var trainedRound: Int

    init(_ state: CenterState) {
        trainedRound = state.trainedRound
        for variable in state.variables {
            let name = "\(variable.part.name) \(variable.name)"
            values[name] = Data(buffer: state[variable.name, variable.part].values)
            guard variable.hasOptimizer else { continue }
            let adam = state.optimizer(variable.name, part: variable.part)
            values[name + " first"] = Data(buffer: adam.firstMoment.values)
            values[name + " second"] = Data(buffer: adam.secondMoment.values)
            steps[name] = adam.steps
        }
    }

    /// Fills a state with numbers that no other center and round has, as if it had been trained.
    static func scramble(_ state: CenterState, round: Int) {
        for variable in state.variables {
            var arrays = [state[variable.name, variable.part]]
            if variable.hasOptimizer {
                let adam = state.optimizer(variable.name, part: variable.part)
                arrays += [adam.firstMoment, adam.secondMoment]
                // The parts of a center take their steps together.
                adam.steps = [(variable.rest == .history ? 20 : 10) * round]
            }
            for (kind, array) in arrays.enumerated() {
                // Unlike in every place, and cheap where nothing is optimized.
                let key =
                    RandomStream.hash(
                        "\(state.center) \(variable.part.name) \(variable.name) \(round) \(kind)") % 10_007
                let values = array.values
                var place = 0
                while place < values.count {
                    values[place] = Float((place &* 7919 &+ Int(key)) % 20_011) / 10_000 - 1
                    place &+= 1
                }
            }
        }
    }
}
