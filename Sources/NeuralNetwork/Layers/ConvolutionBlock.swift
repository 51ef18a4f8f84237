import Tensors

/// `Block(i, m, o)` of `method.md`: Conv(1,3,3) i → m, GroupNorm, LeakyReLU, Conv(3,3,3) m → o, GroupNorm, LeakyReLU.
package struct ConvolutionBlock: Sendable {
    private let conv1: ConvolutionLayer
    private let norm1: NormalizationLayer
    private let conv2: ConvolutionLayer
    private let norm2: NormalizationLayer
    /// Whether the first convolution's output is kept. Out of few channels it is made again in little time.
    private let keepsFirst: Bool

    /// Registers `name.conv1`, `name.norm1`, `name.conv2`, `name.norm2`.
    package init(_ name: String, inputs: Int, middle: Int, outputs: Int, in layout: inout ParameterLayout) {
        conv1 = ConvolutionLayer(name + ".conv1", taps: 1, inputs: inputs, outputs: middle, in: &layout)
        norm1 = NormalizationLayer(name + ".norm1", channels: middle, rectified: true, in: &layout)
        conv2 = ConvolutionLayer(name + ".conv2", taps: 3, inputs: middle, outputs: outputs, in: &layout)
        norm2 = NormalizationLayer(name + ".norm2", channels: outputs, rectified: true, in: &layout)
        keepsFirst = inputs > middle
    }

    /// The outputs of the block's two convolutions, out of which the normalized ones are read.
    package struct Saved: Sendable {
        fileprivate let statistics: GroupNormalization.Statistics
        fileprivate var first: NormalizationLayer.Saved?
        fileprivate var second: NormalizationLayer.Saved?
    }

    /// The block's two convolutions, for an input of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] { [conv1, conv2].map { $0.placed(at: shape) } }

    /// (D, H, W, inputs) to (D, H, W, outputs), keeping what ``backward(_:input:_:_:into:room:)`` needs.
    package func forward(
        _ input: consuming FeatureMap, _ parameters: Parameters
    ) -> (output: FeatureMap, saved: Saved) {
        let (middle, first) = norm1.forward(conv1.forward(consume input, parameters), parameters)
        let (output, second) = norm2.forward(conv2.forward(middle, parameters), parameters)
        return (output, Saved(statistics: first.statistics, first: keepsFirst ? first : nil, second: second))
    }

    /// The same output, keeping nothing else.
    package func infer(_ input: consuming FeatureMap, _ parameters: Parameters) -> FeatureMap {
        forward(consume input, parameters).output
    }

    /// Adds the block to a graph.
    package func trace(_ input: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
    {
        let middle = norm1.trace(conv1.trace(input, parameters, in: &graph), parameters, in: &graph)
        return norm2.trace(conv2.trace(middle, parameters, in: &graph), parameters, in: &graph)
    }

    /// Writes the parameters' gradients. What was kept is given up as soon as it is not needed any more.
    /// - Parameters:
    ///   - gradient: by the output; its memory is used for other things.
    ///   - input: makes the input of the forward pass, when it is needed.
    ///   - saved: of the forward pass, emptied.
    ///   - room: makes the map that the gradient by the input is written to; nil: it is not asked for.
    /// - Returns: the gradient by the input.
    package func backward(
        _ gradient: consuming Tensor, input: () -> FeatureMap, _ saved: inout Saved, _ parameters: Parameters,
        into gradients: Gradients, room: ((Shape) -> FeatureMap)? = { FeatureMap(Tensor($0)) }
    ) -> FeatureMap? {
        guard let second = saved.second.take() else {
            preconditionFailure("a block goes backward once after each forward pass")
        }
        norm2.backward(gradient, second, parameters, into: gradients)
        _ = consume second
        let first = saved.first.take() ?? .init(conv1.forward(input(), parameters), saved.statistics)
        let middle = conv2.backward({ norm1.output(first, parameters) }, gradient, parameters, into: gradients)
            .tensors[0]
        _ = consume gradient
        norm1.backward(middle, first, parameters, into: gradients)
        _ = consume first
        if let room { return conv1.backward(input, middle, parameters, into: gradients, room: room) }
        conv1.backwardWeights(input(), middle, into: gradients)
        return nil
    }
}
