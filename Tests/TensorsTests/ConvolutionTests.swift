import Testing

import Tensors

/// A convolution of given taps and channels on a feature map of given extent.
struct ConvolutionCase: CustomTestStringConvertible, Sendable {
    let taps: Int
    let inputs: Int
    let outputs: Int
    let depth: Int
    let height: Int
    let width: Int

    var testDescription: String { "\(taps)×3×3, \(inputs) → \(outputs) on \(depth)×\(height)×\(width)" }
    var convolution: Convolution { Convolution(taps: taps, inputs: inputs, outputs: outputs) }
    var shape: Shape { Shape(depth: depth, height: height, width: width, channels: inputs) }

    init(_ taps: Int, _ inputs: Int, _ outputs: Int, _ depth: Int, _ height: Int, _ width: Int) {
        self.taps = taps
        self.inputs = inputs
        self.outputs = outputs
        self.depth = depth
        self.height = height
        self.width = width
    }
}

@Suite("Convolution")
struct ConvolutionTests {
    static let cases: [ConvolutionCase] = [
        // Few channels, one slice, sizes that tiles of four do not divide.
        .init(1, 1, 8, 2, 9, 11), .init(1, 1, 4, 1, 8, 8), .init(3, 1, 4, 3, 8, 9), .init(1, 4, 4, 2, 30, 31),
        .init(3, 4, 8, 3, 21, 19), .init(3, 8, 16, 1, 33, 34), .init(1, 12, 24, 2, 25, 23), .init(3, 12, 12, 4, 26, 22),
        .init(3, 20, 28, 2, 24, 25), .init(1, 16, 16, 3, 20, 24), .init(3, 16, 32, 3, 20, 24),
        // The bottleneck: few positions, many channels.
        .init(3, 64, 128, 3, 2, 3), .init(3, 128, 128, 2, 12, 12), .init(1, 256, 64, 2, 5, 6),
        .init(3, 64, 300, 4, 12, 13),
        // Several chunks of tile rows.
        .init(3, 32, 48, 6, 64, 64),
        // Tiles of six, whole ones and such as hang over the edge.
        .init(3, 32, 64, 4, 24, 24), .init(1, 64, 36, 3, 29, 31),
        // Blocks of tiles that a task takes all the way: parts of rows in all slices, and rows of one slice.
        .init(3, 20, 36, 5, 130, 97), .init(1, 36, 20, 3, 160, 131),
        // Groups of four slices, by tiles of four and of six: all tiles together, blocks of them, blocks of weights.
        .init(3, 36, 44, 7, 21, 18), .init(3, 32, 64, 8, 24, 24), .init(3, 20, 36, 8, 130, 97),
        .init(3, 28, 24, 4, 124, 128), .init(3, 140, 144, 8, 13, 12), .init(3, 108, 104, 4, 24, 24),
        // Weights that are transformed block by block.
        .init(3, 208, 196, 2, 12, 11), .init(3, 196, 208, 1, 16, 16), .init(1, 332, 360, 2, 12, 12),
    ]

    @Test("agrees with float64 loops, forward and in both gradients", arguments: cases)
    func agreesWithReference(_ row: ConvolutionCase) {
        let convolution = row.convolution
        let input = Reference.tensor("input", row.shape)
        let gradient = Reference.tensor("gradient", row.shape.with(channels: row.outputs))
        let weight = Reference.values("weight", convolution.weightCount)
        let bias = Reference.values("bias", row.outputs)
        var output = [Double](repeating: 0, count: gradient.count)
        var inputGradient = [Double](repeating: 0, count: input.count)
        var weightGradient = [Double](repeating: 0, count: weight.count)
        var biasGradient = [Double](repeating: 0, count: bias.count)
        for index in output.indices {
            output[index] = Double(bias[index % row.outputs])
            biasGradient[index % row.outputs] += Double(gradient.base[index])
        }
        weight.withUnsafeBufferPointer { weight in
            output.withUnsafeMutableBufferPointer { output in
                inputGradient.withUnsafeMutableBufferPointer { inputGradient in
                    weightGradient.withUnsafeMutableBufferPointer { weightGradient in
                        Reference.forEachProduct(convolution, row.shape) { i, w, o in
                            output[o] += Double(input.base[i]) * Double(weight[w])
                            inputGradient[i] += Double(gradient.base[o]) * Double(weight[w])
                            weightGradient[w] += Double(gradient.base[o]) * Double(input.base[i])
                        }
                    }
                }
            }
        }
        #expect(
            Reference.relativeError(convolution.forward(FeatureMap(input), weight: weight, bias: bias).array, output)
                < 1e-5)
        #expect(Reference.relativeError(convolution.backwardData(gradient, weight: weight).array, inputGradient) < 2e-5)
        var actualWeight = [Float](repeating: .nan, count: weight.count)
        var actualBias = [Float](repeating: .nan, count: bias.count)
        convolution.backwardWeights(FeatureMap(input), gradient, weight: &actualWeight, bias: &actualBias)
        #expect(Reference.relativeError(actualWeight, weightGradient) < 2e-5)
        #expect(Reference.relativeError(actualBias, biasGradient) < 1e-6)
    }

    @Test("all paths are among the cases")
    func allPathsAreTested() {
        let paths = Set(Self.cases.map { $0.convolution.algorithm(for: $0.shape) })
        #expect(paths == Set(Convolution.Algorithm.allCases))
    }
}
