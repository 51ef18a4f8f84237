import FedCRLD
import NeuralNetwork
import Tensors
import Testing

@Suite("Momentum bank")
struct MomentumBankTests {
    private static func bank() -> (MomentumBank, gradients: Tensor) {
        let layout = ClientNetwork(width: 4, classes: 2).relocalization.layout
        let gradients = layout.zeros()
        for (index, value) in Example.values("gradients", layout.count).enumerated() {
            gradients.base[index] = value
        }
        return (MomentumBank(layout, network: layout.initialValues(seed: 1)), gradients)
    }

    @Test("starts as a copy of the network with optimizers that took no step")
    func start() {
        let (bank, _) = Self.bank()
        #expect(bank.bank !== bank.network)
        #expect(bank.bank.array == bank.network.array)
        #expect(bank.networkOptimizer.step == 0)
        #expect(bank.bankOptimizer.step == 0)
    }

    @Test("follows the network with its momentum, after the network's step", arguments: [0, 0.25, 0.5, 0.99, 1])
    func average(_ momentum: Double) {
        let (bank, gradients) = Self.bank()
        let before = bank.bank.array
        bank.updateNetwork(gradients, StepSettings(learningRate: 0.1, momentum: momentum))
        #expect(bank.network.array != before)
        let m = Float(momentum)
        var largest: Float = 0
        for index in 0..<bank.bank.count {
            largest = max(
                largest, abs(bank.bank.base[index] - (m * before[index] + (1 - m) * bank.network.base[index])))
        }
        #expect(largest < 1e-6)
        #expect(bank.networkOptimizer.step == 1)
        #expect(bank.bankOptimizer.step == 0)
    }

    @Test("its own training leaves the network as it is")
    func selfTraining() {
        let (bank, gradients) = Self.bank()
        let before = bank.network.array
        bank.updateBank(gradients, StepSettings(learningRate: 0.1))
        #expect(bank.network.array == before)
        #expect(bank.bank.array != before)
        #expect(bank.networkOptimizer.step == 0)
        #expect(bank.bankOptimizer.step == 1)
    }

    @Test("a backward pass without its forward pass is a mistake")
    func order() async {
        await #expect(processExitsWith: .failure) {
            let example = Example()
            let shape = Shape(depth: 2, height: 2, width: 2, channels: 128)
            _ = example.relocalization.relocalizeBank(
                Bottlenecks(server: .zeros(shape.with(channels: 64)), client: .zeros(shape.with(channels: 64))))
            _ = example.relocalization.backwardBank(.zeros(shape))
            _ = example.relocalization.backwardBank(.zeros(shape))
        }
    }
}
