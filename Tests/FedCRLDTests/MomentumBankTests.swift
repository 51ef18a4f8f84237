import FedCRLD
import NeuralNetwork
import Tensors
import Testing

@Suite("Momentum bank")
struct MomentumBankTests {
    private static func bank() -> (MomentumBank, gradients: Parameters) {
        let layout = ClientNetwork(width: 4, classes: 2).relocalization.layout
        let gradients = layout.zeros()
        for (index, value) in Example.values("gradients", layout.count).enumerated() {
            gradients.values[index] = value
        }
        return (MomentumBank(layout, seed: 1), gradients)
    }

    private static func take(_ step: Gradients, _ gradients: Parameters) {
        step.write(0..<gradients.count) { $0.update(from: gradients.tensor.base, count: gradients.count) }
    }

    @Test("starts as a copy of the network with optimizers that took no step")
    func start() {
        let (bank, _) = Self.bank()
        #expect(bank.teacher.tensor !== bank.student.tensor)
        #expect(bank.teacher.array == bank.student.array)
        #expect(bank.studentOptimizer.steps == [0])
        #expect(bank.teacherOptimizer.steps == [0])
    }

    @Test("follows the network with its momentum, after the network's step", arguments: [0, 0.25, 0.5, 0.99, 1])
    func average(_ momentum: Double) {
        let (bank, gradients) = Self.bank()
        let before = bank.teacher.array
        Self.take(bank.studentStep(StepSettings(learningRate: 0.1, momentum: momentum)), gradients)
        #expect(bank.student.array != before)
        let m = Float(momentum)
        var largest: Float = 0
        for index in 0..<bank.teacher.count {
            largest = max(
                largest, abs(bank.teacher.values[index] - (m * before[index] + (1 - m) * bank.student.values[index])))
        }
        #expect(largest < 1e-6)
        #expect(bank.studentOptimizer.steps == [1])
        #expect(bank.teacherOptimizer.steps == [0])
    }

    @Test("its own training leaves the network as it is")
    func selfTraining() {
        let (bank, gradients) = Self.bank()
        let before = bank.student.array
        Self.take(bank.teacherStep(StepSettings(learningRate: 0.1)), gradients)
        #expect(bank.student.array == before)
        #expect(bank.teacher.array != before)
        #expect(bank.studentOptimizer.steps == [0])
        #expect(bank.teacherOptimizer.steps == [1])
    }

    @Test("a backward pass without its forward pass is a mistake")
    func order() async {
        await #expect(processExitsWith: .failure) {
            let example = Example()
            let shape = Shape(depth: 2, height: 2, width: 2, channels: 128)
            _ = example.relocalization.relocalizeTeacher(
                Bottlenecks(server: .zeros(shape.with(channels: 64)), client: .zeros(shape.with(channels: 64))))
            _ = example.relocalization.backwardTeacher(.zeros(shape))
            _ = example.relocalization.backwardTeacher(.zeros(shape))
        }
    }
}
