import Tensors
import Testing

/// Kernels work on bare memory and are compiled without the compiler's checks: wrong shapes must end the program, not
/// read beyond a buffer. Each wrong call ends a process of its own.
@Suite("A caller's mistake ends the program with a message")
struct ContractTests {
    static let mistakes = Array(Mistake.allCases)

    @Test("of shapes that do not fit", arguments: mistakes)
    func shapes(_ mistake: Mistake) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [mistake] in
            mistake.make()
        }
        let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(message.contains("Fatal error"), "\(message)")
    }

    enum Mistake: String, CaseIterable, Codable, Sendable {
        case emptyShape, valuesOfAnotherCount, convolutionTaps, convolutionInput, convolutionGradient
        case convolutionWeights, pointwiseInput, pointwiseGradient, pointwiseWeights, pointwiseTarget
        case normalizationGroups, normalizationInput, normalizationGradient, poolingChannels, poolingGradient
        case upsamplingInput, upsamplingSkip, upsamplingRoom, besideAnother, gradientRoom, attentionWidths,
            attentionChannels, attentionCounts
        case attentionGradient
        case labelCount, labelValue, teacher, squaredError, contrast, sum, concatenation, halves, adamCount, adamStep

        func make() {
            let (small, large) = (Tensor.zeros(Shape(1, 4, 4, 4)), Tensor.zeros(Shape(1, 4, 5, 8)))
            var values = [Float](repeating: 0, count: 4096)
            let zeros = values
            switch self {
            case .emptyShape: _ = Shape(1, 0, 2, 3)
            case .valuesOfAnotherCount: _ = Tensor(small.shape, values: [1, 2, 3])
            case .convolutionTaps: _ = Convolution(taps: 2, inputs: 4, outputs: 4)
            case .convolutionInput:
                _ = Convolution(taps: 1, inputs: 4, outputs: 4).forward(FeatureMap(large), weight: zeros, bias: zeros)
            case .convolutionGradient:
                _ = Convolution(taps: 1, inputs: 4, outputs: 4).backwardData(large, weight: zeros)
            case .convolutionWeights:
                var bias = zeros
                Convolution(taps: 1, inputs: 4, outputs: 8).backwardWeights(
                    FeatureMap(small), large, weight: &values, bias: &bias)
            case .pointwiseInput:
                _ = PointwiseConvolution(inputs: 4, outputs: 4).forward(FeatureMap(large), weight: zeros, bias: zeros)
            case .pointwiseGradient: PointwiseConvolution(inputs: 4, outputs: 4).backwardData(large, weight: zeros)
            case .pointwiseWeights:
                var bias = zeros
                PointwiseConvolution(inputs: 4, outputs: 8).backwardWeights(
                    FeatureMap(small), large, weight: &values, bias: &bias)
            case .pointwiseTarget:
                PointwiseConvolution(inputs: 4, outputs: 8).backwardData(large, weight: zeros, addingTo: small)
            case .normalizationGroups: _ = GroupNormalization(channels: 6, slope: 1)
            case .normalizationInput: _ = GroupNormalization(channels: 4, slope: 1).statistics(large)
            case .normalizationGradient:
                let kernel = GroupNormalization(channels: 4, slope: 1)
                var bias = zeros
                kernel.backward(
                    large, input: small, kernel.statistics(small), weight: zeros, bias: zeros,
                    weightGradient: &values, biasGradient: &bias)
            case .poolingChannels: _ = MaximumPooling.forward(FeatureMap(.zeros(Shape(1, 4, 4, 6))))
            case .poolingGradient: MaximumPooling.backward(small, input: FeatureMap(small), addingTo: small)
            case .upsamplingInput:
                _ = TransposedConvolution(inputs: 4, outputs: 4).forward(
                    FeatureMap(large), extent: Shape(1, 8, 10, 4), weight: zeros, bias: zeros)
            case .upsamplingSkip:
                _ = TransposedConvolution(inputs: 4, outputs: 4).forward(
                    FeatureMap(small), extent: large.shape, weight: zeros, bias: zeros)
            case .upsamplingRoom:
                _ = TransposedConvolution(inputs: 4, outputs: 4).room(low: small.shape, extent: large.shape)
            case .besideAnother: _ = FeatureMap(small).beside(FeatureMap(large))
            case .gradientRoom:
                Convolution(taps: 1, inputs: 4, outputs: 4).backwardData(
                    small, weight: zeros, into: FeatureMap(large))
            case .attentionWidths: _ = DotProductAttention().forward(queries: small, keys: large, values: large)
            case .attentionChannels:
                let odd = Tensor.zeros(Shape(1, 2, 2, 6))
                _ = DotProductAttention().forward(queries: odd, keys: odd, values: odd)
            case .attentionCounts:
                _ = DotProductAttention().forward(queries: small, keys: small, values: large)
            case .attentionGradient:
                let output = DotProductAttention().forward(queries: small, keys: small, values: small)
                _ = DotProductAttention().backward(
                    large, queries: small, keys: small, values: small, output: output)
            case .labelCount: evaluate(small, [0, 1], nil)
            case .labelValue: evaluate(small, [UInt8](repeating: 4, count: 16), nil)
            case .teacher: evaluate(small, [UInt8](repeating: 0, count: 16), .zeros(Shape(1, 2, 2, 4)))
            case .squaredError:
                _ = BottleneckLoss.meanSquaredError(small, target: large, weight: 1, addingGradientTo: small)
            case .contrast:
                _ = BottleneckLoss.contrast(
                    server: small, client: small, weight: 1, addingGradientsTo: small, large)
            case .sum: Elementwise.add(small, to: large)
            case .concatenation: _ = Elementwise.concatenate(small, large)
            case .halves: _ = Elementwise.halve(.zeros(Shape(1, 1, 2, 3)))
            case .adamCount:
                AdamUpdate(rate: 1, step: 1).apply(
                    small, gradients: large, firstMoment: small, secondMoment: small)
            case .adamStep: _ = AdamUpdate(rate: 1, step: 0)
            }
        }

        private func evaluate(_ probabilities: Tensor, _ labels: [UInt8], _ teacher: Tensor?) {
            _ = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 1)
                .evaluate(probabilities, labels: labels, teacher: teacher)
        }
    }
}
