import Tensors
import TestSupport
import Testing

@Suite("Transposed convolution beside a skip")
struct TransposedConvolutionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let low: Shape
        let outputs: Int
        /// Extent and channels of the skip.
        let skip: Shape

        var testDescription: String { "\(low) → \(outputs) beside \(skip)" }
        var kernel: TransposedConvolution { .init(inputs: low.channels, outputs: outputs) }
    }

    static let cases = [
        Case(low: Shape(1, 1, 1, 8), outputs: 4, skip: Shape(1, 2, 2, 4)),
        Case(low: Shape(1, 1, 1, 8), outputs: 4, skip: Shape(1, 3, 3, 4)),
        Case(low: Shape(2, 3, 4, 16), outputs: 8, skip: Shape(2, 7, 8, 4)),
        Case(low: Shape(3, 5, 3, 12), outputs: 6, skip: Shape(3, 10, 7, 3)),
        Case(low: Shape(2, 5, 5, 5), outputs: 3, skip: Shape(2, 11, 11, 2)),
        Case(low: Shape(1, 6, 7, 64), outputs: 32, skip: Shape(1, 12, 14, 16)),
        // More than the missing row: the rest is zeros, too.
        Case(low: Shape(1, 2, 2, 4), outputs: 4, skip: Shape(1, 6, 7, 4)),
        // Enough positions that the weights' gradient is summed in parts.
        Case(low: Shape(3, 40, 41, 4), outputs: 4, skip: Shape(3, 81, 83, 4)),
    ]

    @Test("is read beside a skip, padded with zeros at the high end", arguments: cases)
    func forward(_ row: Case) {
        let input = Reference.tensor("input", row.low)
        let skip = Reference.tensor("skip", row.skip)
        let weight = Reference.values("weight", 4 * row.low.channels * row.outputs)
        let bias = Reference.values("bias", row.outputs)
        let upsampled = row.kernel.forward(FeatureMap(input), extent: row.skip, weight: weight, bias: bias)
        let result = FeatureMap(skip).beside(upsampled).written()
        #expect(result.shape == row.skip.with(channels: row.skip.channels + row.outputs))
        var expected = [Double](repeating: 0, count: result.count)
        for position in 0..<row.skip.positions {
            for channel in 0..<row.skip.channels {
                expected[position * result.shape.channels + channel] =
                    Double(skip.base[position * row.skip.channels + channel])
            }
        }
        Self.forEachCorner(row) { low, tap, high in
            for output in 0..<row.outputs {
                var sum = Double(bias[output])
                for channel in 0..<row.low.channels {
                    sum +=
                        Double(input.base[low * row.low.channels + channel])
                        * Double(weight[(channel * 4 + tap) * row.outputs + output])
                }
                expected[high * result.shape.channels + row.skip.channels + output] = sum
            }
        }
        #expect(Reference.relativeError(result.values, expected) < 1e-6)
        // What is padded is zero, and what is copied is exact.
        let values = result.array
        expectEverywhere(values.count, detail: { "\(values[$0]) in the padding" }) {
            expected[$0] != 0 || values[$0] == 0
        }
        let channels = row.skip.channels
        expectNear(
            (0..<skip.count).map { result.base[$0 / channels * result.shape.channels + $0 % channels] }, skip.array
        ) { "position \($0 / channels), channel \($0 % channels)" }
    }

    @Test("hands its part of the gradient on, agreeing with float64 loops", arguments: cases)
    func backward(_ row: Case) {
        let input = Reference.tensor("input", row.low)
        let channels = row.skip.channels + row.outputs
        let gradient = Reference.tensor("gradient", row.skip.with(channels: channels))
        let weight = Reference.values("weight", 4 * row.low.channels * row.outputs)
        let corners = row.kernel.room(low: row.low, extent: row.skip).tensors[0]
        var inputGradient = [Double](repeating: 0, count: row.low.count)
        var weightGradient = [Double](repeating: 0, count: weight.count)
        var biasGradient = [Double](repeating: 0, count: row.outputs)
        Self.forEachCorner(row) { low, tap, high in
            for output in 0..<row.outputs {
                let value = Double(gradient.base[high * channels + row.skip.channels + output])
                biasGradient[output] += value
                corners.base[(low * 4 + tap) * row.outputs + output] = Float(value)
                for channel in 0..<row.low.channels {
                    let place = (channel * 4 + tap) * row.outputs + output
                    inputGradient[low * row.low.channels + channel] += value * Double(weight[place])
                    weightGradient[place] += value * Double(input.base[low * row.low.channels + channel])
                }
            }
        }
        let byInput = row.kernel.backwardData(corners: corners, weight: weight)
        #expect(byInput.shape == row.low)
        #expect(Reference.relativeError(byInput.values, inputGradient) < 1e-6)
        var byWeight = [Float](repeating: .nan, count: weight.count)
        var byBias = [Float](repeating: .nan, count: row.outputs)
        row.kernel.backwardWeights(FeatureMap(input), corners: corners, weight: &byWeight, bias: &byBias)
        #expect(Reference.relativeError(byWeight, weightGradient) < 2e-6)
        #expect(Reference.relativeError(byBias, biasGradient) < 1e-6)
    }

    /// Calls `body(input position, tap, output position)` for the four corners of every input position.
    private static func forEachCorner(_ row: Case, _ body: (_ low: Int, _ tap: Int, _ high: Int) -> Void) {
        for z in 0..<row.low.depth {
            for y in 0..<row.low.height {
                for x in 0..<row.low.width {
                    for tap in 0..<4 {
                        body(
                            (z * row.low.height + y) * row.low.width + x, tap,
                            (z * row.skip.height + 2 * y + tap / 2) * row.skip.width + 2 * x + tap % 2)
                    }
                }
            }
        }
    }
}
