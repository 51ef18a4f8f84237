import Foundation
import Tensors
import Testing

@Suite("Adam")
struct AdamUpdateTests {
    @Test("follows the published rule in float64 over many steps", arguments: [1, 7, 40_000], [1e-4, 1e-1])
    func rule(_ count: Int, _ rate: Double) {
        let parameters = Tensor(flat: count)
        parameters.base.update(from: Reference.values("parameters", count), count: count)
        let (m, v) = (Tensor.zeros(parameters.shape), Tensor.zeros(parameters.shape))
        let average = parameters.copy()
        var theta = Reference.doubles(parameters)
        var (first, second, mean) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count), theta)
        for step in 1...12 {
            let gradients = Tensor(flat: count)
            // Of very different sizes: Adam's steps are not.
            let values = Reference.values("gradient \(step)", count).enumerated().map {
                $1 * [1e-6, 1e-2, 1, 30][$0 % 4]
            }
            gradients.base.update(from: values, count: count)
            AdamUpdate(rate: rate, step: step).apply(
                parameters, gradients: gradients, firstMoment: m, secondMoment: v, average: average, momentum: 0.75)
            for index in 0..<count {
                let g = Double(values[index])
                first[index] = 0.9 * first[index] + 0.1 * g
                second[index] = 0.999 * second[index] + 0.001 * g * g
                let corrected = first[index] / (1 - pow(0.9, Double(step)))
                let size = (second[index] / (1 - pow(0.999, Double(step)))).squareRoot()
                theta[index] -= rate * corrected / (size + 1e-8)
                mean[index] = 0.75 * mean[index] + 0.25 * theta[index]
            }
        }
        #expect(Reference.relativeError(parameters.values, theta) < 1e-6)
        #expect(Reference.relativeError(m.values, first) < 1e-6)
        #expect(Reference.relativeError(v.values, second) < 1e-6)
        #expect(Reference.relativeError(average.values, mean) < 1e-6)
    }

    @Test("moves each parameter by the rate in its first step, against the gradient's sign")
    func firstStep() {
        let parameters = Tensor.zeros(Shape(1, 1, 1, 4))
        let gradients = Tensor(Shape(1, 1, 1, 4), values: [1e-3, -20, 0, 5])
        AdamUpdate(rate: 0.01, step: 1).apply(
            parameters, gradients: gradients, firstMoment: .zeros(parameters.shape),
            secondMoment: .zeros(parameters.shape))
        for (actual, expected) in zip(parameters.array, [-0.01, 0.01, 0, -0.01] as [Float]) {
            #expect(abs(actual - expected) < 1e-6)
        }
    }

    @Test("a momentum of 1 keeps the average, one of 0 replaces it", arguments: [0, 1] as [Float])
    func average(_ momentum: Float) {
        let parameters = Reference.tensor("parameters", Shape(1, 1, 1, 50))
        let average = Reference.tensor("average", parameters.shape)
        let before = average.array
        AdamUpdate(rate: 0.1, step: 1).apply(
            parameters, gradients: Reference.tensor("gradients", parameters.shape),
            firstMoment: .zeros(parameters.shape), secondMoment: .zeros(parameters.shape), average: average,
            momentum: momentum)
        #expect(average.array == (momentum == 1 ? before : parameters.array))
    }
}
