import FedCRLD
import NeuralNetwork
import Tensors
import Testing

/// Every convolution of the network, at the sizes that it is used at, against float64.
///
/// A direct convolution in float64 would take minutes: what it gives is computed for a sample of positions (all channels),
/// and of weights (one tap and input channel, all output channels).
@Suite("Convolutions of the network")
struct NetworkConvolutionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let width: Int
        let shape: Shape
        var testDescription: String { "width \(width), \(shape.depth)×\(shape.height)×\(shape.width)" }

        init(_ width: Int, _ depth: Int, _ height: Int, _ columns: Int) {
            self.width = width
            shape = Shape(depth: depth, height: height, width: columns, channels: 1)
        }
    }

    @Test(
        "relative errors are at most 1e-5 forward and 2e-5 in the gradients, by each algorithm",
        arguments: [
            Case(8, 10, 56, 56), Case(8, 8, 96, 96), Case(16, 8, 128, 128), Case(32, 8, 96, 96), Case(12, 7, 91, 53),
            Case(4, 1, 8, 9),
        ])
    func agreesWithFloat64(_ row: Case) {
        var checked: Set<Work> = []
        for place in ClientNetwork(width: row.width, classes: 4).convolutions(at: row.shape) {
            let work = Work(convolution: place.convolution, input: place.input)
            guard checked.insert(work).inserted else { continue }
            for algorithm in place.convolution.algorithms
            where algorithm == place.convolution.algorithm(for: place.input) || algorithm.isByTiles {
                let errors = work.errors(by: algorithm)
                #expect(errors.forward < 1e-5, "\(place.name), forward by \(algorithm.rawValue)")
                #expect(errors.data < 2e-5, "\(place.name), gradient by the input by \(algorithm.rawValue)")
                #expect(errors.weights < 2e-5, "\(place.name), gradient by the weights by \(algorithm.rawValue)")
            }
        }
    }

    /// A convolution on a feature map.
    private struct Work: Hashable {
        let convolution: Convolution
        let input: Shape

        private static let positions = 24
        private static let weights = 12

        func errors(by algorithm: Convolution.Algorithm) -> (forward: Double, data: Double, weights: Double) {
            var random = RandomStream(seed: 7, purpose: "network convolutions")
            func values(_ shape: Shape) -> Tensor {
                Tensor(shape, values: (0..<shape.count).map { _ in Float(random.uniform(in: -1...1)) })
            }
            let (inputs, outputs) = (convolution.inputs, convolution.outputs)
            let image = values(input)
            let gradient = values(input.with(channels: outputs))
            let weight = values(Shape(depth: 1, height: 1, width: 1, channels: convolution.weightCount))
            let bias = Tensor.zeros(Shape(depth: 1, height: 1, width: 1, channels: outputs))
            let output = convolution.forward(FeatureMap(image), weight: weight.base, bias: bias.base, by: algorithm)
            let slope = convolution.backwardData(gradient, weight: weight.base, by: algorithm)
            let weightSlope = Tensor(weight.shape)
            let biasSlope = Tensor(bias.shape)
            convolution.backwardWeights(
                FeatureMap(image), gradient, weight: weightSlope.base, bias: biasSlope.base, by: algorithm)

            var (forward, data, weights) = (RelativeError(), RelativeError(), RelativeError())
            for _ in 0..<Self.positions {
                let (z, y, x) = (
                    random.index(below: input.depth), random.index(below: input.height),
                    random.index(below: input.width)
                )
                let place = (z * input.height + y) * input.width + x
                var expected = [Double](repeating: 0, count: outputs)
                var expectedSlope = [Double](repeating: 0, count: inputs)
                for tap in 0..<convolution.taps * 9 {
                    let block = weight.base + tap * inputs * outputs
                    if let source = neighbour(z, y, x, tap, direction: 1) {
                        for i in 0..<inputs {
                            let value = Double(image.values[source * inputs + i])
                            for o in 0..<outputs { expected[o] += value * Double(block[i * outputs + o]) }
                        }
                    }
                    if let source = neighbour(z, y, x, tap, direction: -1) {
                        for i in 0..<inputs {
                            for o in 0..<outputs {
                                expectedSlope[i] +=
                                    Double(gradient.values[source * outputs + o]) * Double(block[i * outputs + o])
                            }
                        }
                    }
                }
                for o in 0..<outputs { forward.add(output.values[place * outputs + o], expected[o]) }
                for i in 0..<inputs { data.add(slope.values[place * inputs + i], expectedSlope[i]) }
            }
            for _ in 0..<Self.weights {
                let (tap, i) = (random.index(below: convolution.taps * 9), random.index(below: inputs))
                var expected = [Double](repeating: 0, count: outputs)
                for place in 0..<input.positions {
                    let (z, rest) = place.quotientAndRemainder(dividingBy: input.height * input.width)
                    guard let source = neighbour(z, rest / input.width, rest % input.width, tap, direction: 1) else {
                        continue
                    }
                    let value = Double(image.values[source * inputs + i])
                    for o in 0..<outputs { expected[o] += value * Double(gradient.values[place * outputs + o]) }
                }
                for o in 0..<outputs { weights.add(weightSlope.values[(tap * inputs + i) * outputs + o], expected[o]) }
            }
            return (forward.value, data.value, weights.value)
        }

        /// The position that a tap reads for an output, or (direction −1) the output that an input goes to by it.
        private func neighbour(_ z: Int, _ y: Int, _ x: Int, _ tap: Int, direction: Int) -> Int? {
            let slice = z + direction * (tap / 9 - convolution.taps / 2)
            let row = y + direction * (tap % 9 / 3 - 1)
            let column = x + direction * (tap % 3 - 1)
            guard slice >= 0, slice < input.depth, row >= 0, row < input.height, column >= 0, column < input.width
            else { return nil }
            return (slice * input.height + row) * input.width + column
        }
    }

    /// ‖actual − expected‖ / ‖expected‖ of a sample.
    private struct RelativeError {
        private var difference = 0.0
        private var norm = 0.0

        mutating func add(_ actual: Float, _ expected: Double) {
            difference += (Double(actual) - expected) * (Double(actual) - expected)
            norm += expected * expected
        }

        var value: Double { (difference / max(norm, 1e-300)).squareRoot() }
    }
}
