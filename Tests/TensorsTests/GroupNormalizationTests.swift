import Tensors
import TestSupport
import Testing

@Suite("Group normalization")
struct GroupNormalizationTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let shape: Shape
        let slope: Float
        /// The mean of the input, whose standard deviation is 0.6.
        var offset: Float = 0

        var testDescription: String { "\(shape), slope \(slope), mean \(offset)" }
    }

    static let cases: [Case] = [1, 0.01].flatMap { slope in
        [
            Shape(1, 2, 3, 4), Shape(1, 1, 1, 16), Shape(1, 1, 3, 8), Shape(1, 3, 5, 12), Shape(3, 5, 7, 16),
            Shape(2, 9, 11, 20), Shape(1, 7, 9, 36), Shape(2, 3, 5, 64), Shape(1, 5, 5, 132),
            // Several blocks of positions.
            Shape(1, 97, 101, 4), Shape(3, 31, 37, 28),
        ].map { Case(shape: $0, slope: slope) }
    }
    static let offsetCases = [
        Case(shape: Shape(3, 9, 11, 16), slope: 0.01, offset: 10),
        Case(shape: Shape(1, 97, 101, 8), slope: 1, offset: -50),
        Case(shape: Shape(3, 31, 37, 28), slope: 0.01, offset: 200),
    ]

    @Test("agrees with float64 loops, forward and backward", arguments: cases)
    func agreesWithReference(_ row: Case) {
        let errors = Errors(row)
        #expect(errors.output < 1e-6)
        #expect(errors.input < 2e-6)
        #expect(errors.weight < 2e-6)
        #expect(errors.bias < 1e-6)
    }

    @Test("keeps its precision where the mean is far from zero", arguments: offsetCases)
    func offset(_ row: Case) {
        let errors = Errors(row)
        // Sums of values that are so many times as coarse cannot be more precise; PyTorch's errs by half as much.
        let bound = 2e-7 * Double(max(1, abs(row.offset)))
        #expect(errors.output < bound)
        #expect(errors.input < bound)
        #expect(errors.weight < bound)
        #expect(errors.bias < bound)
    }

    @Test("adds to the parameters' gradients where it is used several times")
    func accumulates() {
        let row = Case(shape: Shape(2, 5, 7, 24), slope: 1)
        let layer = Layer(row)
        var weight = [Float](repeating: 3, count: 24)
        var bias = [Float](repeating: -2, count: 24)
        let once = layer.backward()
        layer.kernel.backward(
            layer.gradient.copy(), input: layer.input, layer.kernel.statistics(layer.input), weight: layer.weight,
            bias: layer.bias, weightGradient: &weight, biasGradient: &bias, accumulating: true)
        #expect(weight == once.weight.map { 3 + $0 })
        #expect(bias == once.bias.map { -2 + $0 })
    }

    @Test("a constant input gives the bias, and no gradient explodes")
    func constant() {
        let shape = Shape(1, 4, 4, 8)
        let kernel = GroupNormalization(channels: 8, slope: 1)
        let input = Tensor(shape, values: [Float](repeating: 0.5, count: shape.count))
        let bias = Reference.values("bias", 8)
        let output = kernel.output(
            input, kernel.statistics(input), weight: [Float](repeating: 1, count: 8), bias: bias
        ).written()
        expectNear(output.array, (0..<output.count).map { bias[$0 % 8] }, within: 1e-4)
    }

    /// The kernel with its parameters, and the gradient by its output.
    private struct Layer {
        let kernel: GroupNormalization
        let input: Tensor
        let gradient: Tensor
        let weight: [Float]
        let bias: [Float]

        init(_ row: Case) {
            kernel = GroupNormalization(channels: row.shape.channels, slope: row.slope)
            input = Tensor(row.shape, values: Reference.values("input", row.shape.count).map { $0 + row.offset })
            gradient = Reference.tensor("gradient", row.shape)
            weight = Reference.values("weight", row.shape.channels).map { 1 + 0.5 * $0 }
            bias = Reference.values("bias", row.shape.channels)
        }

        func forward() -> Tensor {
            kernel.output(input, kernel.statistics(input), weight: weight, bias: bias).written()
        }

        func backward() -> (input: Tensor, weight: [Float], bias: [Float]) {
            let result = gradient.copy()
            var weightGradient = [Float](repeating: .nan, count: weight.count)
            var biasGradient = [Float](repeating: .nan, count: bias.count)
            kernel.backward(
                result, input: input, kernel.statistics(input), weight: weight, bias: bias,
                weightGradient: &weightGradient, biasGradient: &biasGradient)
            return (result, weightGradient, biasGradient)
        }
    }

    /// Relative differences of the kernel's results from those of plain loops.
    private struct Errors {
        let output: Double
        let input: Double
        let weight: Double
        let bias: Double

        init(_ row: Case) {
            let layer = Layer(row)
            let channels = row.shape.channels
            let width = channels / 4
            let x = Reference.doubles(layer.input)
            let actual = layer.forward()
            var output = x
            var inputGradient = x
            var weightGradient = [Double](repeating: 0, count: channels)
            var biasGradient = weightGradient
            for group in 0..<4 {
                let members = x.indices.filter { $0 % channels / width == group }
                let count = Double(members.count)
                let mean = members.reduce(0) { $0 + x[$1] } / count
                let variance = members.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / count
                let reciprocal = 1 / (variance + 1e-5).squareRoot()
                var sum = 0.0
                var product = 0.0
                var scaled: [Double] = []
                for index in members {
                    let channel = index % channels
                    let normalized = (x[index] - mean) * reciprocal
                    let before = Double(layer.weight[channel]) * normalized + Double(layer.bias[channel])
                    output[index] = before > 0 ? before : Double(row.slope) * before
                    // At the rectifier's kink the kernel's rounding decides.
                    let isOpen = abs(before) < 1e-3 ? actual.base[index] > 0 : before > 0
                    let gradient = Double(layer.gradient.base[index]) * (isOpen ? 1 : Double(row.slope))
                    weightGradient[channel] += gradient * normalized
                    biasGradient[channel] += gradient
                    scaled.append(Double(layer.weight[channel]) * gradient)
                    sum += Double(layer.weight[channel]) * gradient
                    product += Double(layer.weight[channel]) * gradient * normalized
                }
                for (index, value) in zip(members, scaled) {
                    let normalized = (x[index] - mean) * reciprocal
                    inputGradient[index] = reciprocal * (value - sum / count - normalized * product / count)
                }
            }
            let backward = layer.backward()
            self.output = Reference.relativeError(actual.values, output)
            input = Reference.relativeError(backward.input.values, inputGradient)
            weight = Reference.relativeError(backward.weight, weightGradient)
            bias = Reference.relativeError(backward.bias, biasGradient)
        }
    }
}
