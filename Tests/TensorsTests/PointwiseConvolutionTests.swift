import Tensors
import Testing

@Suite("Pointwise convolution")
struct PointwiseConvolutionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let shape: Shape
        let outputs: Int

        var testDescription: String { "\(shape) → \(outputs)" }
    }

    static let cases = [
        // Heads of few classes, attention's projections; one position and so many that sums are made in parts.
        Case(shape: Shape(1, 1, 1, 8), outputs: 2), Case(shape: Shape(2, 9, 11, 16), outputs: 3),
        Case(shape: Shape(3, 33, 35, 8), outputs: 5), Case(shape: Shape(2, 71, 73, 24), outputs: 4),
        Case(shape: Shape(1, 5, 7, 128), outputs: 64), Case(shape: Shape(2, 3, 3, 64), outputs: 129),
        Case(shape: Shape(5, 50, 51, 4), outputs: 2), Case(shape: Shape(1, 2, 3, 1), outputs: 1),
    ]

    @Test("agrees with float64 loops, forward and in both gradients", arguments: cases)
    func agreesWithReference(_ row: Case) {
        let (inputs, outputs) = (row.shape.channels, row.outputs)
        let kernel = PointwiseConvolution(inputs: inputs, outputs: outputs)
        let input = Reference.tensor("input", row.shape)
        let gradient = Reference.tensor("gradient", row.shape.with(channels: outputs))
        let weight = Reference.values("weight", inputs * outputs)
        let bias = Reference.values("bias", outputs)
        var output = [Double](repeating: 0, count: gradient.count)
        var inputGradient = [Double](repeating: 0, count: input.count)
        var weightGradient = [Double](repeating: 0, count: weight.count)
        var biasGradient = [Double](repeating: 0, count: bias.count)
        for position in 0..<row.shape.positions {
            for o in 0..<outputs {
                let slope = Double(gradient.base[position * outputs + o])
                var sum = Double(bias[o])
                biasGradient[o] += slope
                for i in 0..<inputs {
                    let value = Double(input.base[position * inputs + i])
                    sum += value * Double(weight[i * outputs + o])
                    inputGradient[position * inputs + i] += slope * Double(weight[i * outputs + o])
                    weightGradient[i * outputs + o] += slope * value
                }
                output[position * outputs + o] = sum
            }
        }
        #expect(
            Reference.relativeError(kernel.forward(FeatureMap(input), weight: weight, bias: bias).values, output) < 2e-6
        )
        #expect(Reference.relativeError(kernel.backwardData(gradient, weight: weight).values, inputGradient) < 2e-6)
        var byWeight = [Float](repeating: .nan, count: weight.count)
        var byBias = [Float](repeating: .nan, count: bias.count)
        kernel.backwardWeights(FeatureMap(input), gradient, weight: &byWeight, bias: &byBias)
        #expect(Reference.relativeError(byWeight, weightGradient) < 2e-6)
        #expect(Reference.relativeError(byBias, biasGradient) < 1e-6)
    }

    @Test("adds to a gradient that others have written", arguments: cases)
    func adds(_ row: Case) {
        let kernel = PointwiseConvolution(inputs: row.shape.channels, outputs: row.outputs)
        let gradient = Reference.tensor("gradient", row.shape.with(channels: row.outputs))
        let weight = Reference.values("weight", row.shape.channels * row.outputs)
        let before = Reference.tensor("before", row.shape)
        let target = before.copy()
        let returned = kernel.backwardData(gradient, weight: weight, addingTo: target)
        #expect(returned === target)
        let alone = kernel.backwardData(gradient, weight: weight)
        let expected = zip(Reference.doubles(before), Reference.doubles(alone)).map { $0 + $1 }
        #expect(Reference.relativeError(target.values, expected) < 1e-6)
    }
}
