import Tensors

/// `Block(i, m, o)` of `method.md`: Conv(1,3,3) i → m, GroupNorm, LeakyReLU, Conv(3,3,3) m → o, GroupNorm, LeakyReLU.
package struct ConvolutionBlock: Sendable {
    private let conv1: ConvolutionLayer
    private let norm1: NormalizationLayer
    private let conv2: ConvolutionLayer
    private let norm2: NormalizationLayer

    /// Registers `name.conv1`, `name.norm1`, `name.conv2`, `name.norm2`.
    package init(_ name: String, inputs: Int, middle: Int, outputs: Int, in layout: inout ParameterLayout) {
        conv1 = ConvolutionLayer(name + ".conv1", taps: 1, inputs: inputs, outputs: middle, in: &layout)
        norm1 = NormalizationLayer(name + ".norm1", channels: middle, rectified: true, in: &layout)
        conv2 = ConvolutionLayer(name + ".conv2", taps: 3, inputs: middle, outputs: outputs, in: &layout)
        norm2 = NormalizationLayer(name + ".norm2", channels: outputs, rectified: true, in: &layout)
    }

    /// The outputs of the block's two convolutions; what lies between is computed again.
    package struct Saved: Sendable {
        fileprivate let first: NormalizationLayer.Saved
        fileprivate let second: NormalizationLayer.Saved
    }

    /// The block's two convolutions, for an input of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] { [conv1, conv2].map { $0.placed(at: shape) } }

    /// (D, H, W, inputs) to (D, H, W, outputs), keeping what ``backward(_:input:_:_:into:needsInput:)`` needs.
    package func forward(_ input: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved) {
        let (middle, first) = norm1.forward(conv1.forward(input, parameters), parameters)
        let (output, second) = norm2.forward(conv2.forward(middle, parameters), parameters)
        return (output, Saved(first: first, second: second))
    }

    /// The same output, keeping nothing.
    package func infer(_ input: Tensor, _ parameters: Parameters) -> Tensor {
        let middle = norm1.forwardInPlace(conv1.forward(input, parameters), parameters)
        return norm2.forwardInPlace(conv2.forward(middle, parameters), parameters)
    }

    /// Adds the block to a graph.
    package func trace(_ input: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
    {
        let middle = norm1.trace(conv1.trace(input, parameters, in: &graph), parameters, in: &graph)
        return norm2.trace(conv2.trace(middle, parameters, in: &graph), parameters, in: &graph)
    }

    /// Writes the parameters' gradients.
    /// - Parameters:
    ///   - gradient: by the output; its memory is used for other things.
    ///   - input: makes the input of the forward pass, when it is needed.
    ///   - needsInput: whether the gradient by the input is asked for.
    /// - Returns: the gradient by the input.
    package func backward(
        _ gradient: consuming Tensor, input: () -> Tensor, _ saved: consuming Saved, _ parameters: Parameters,
        into gradients: Gradients, needsInput: Bool = true
    ) -> Tensor? {
        norm2.backward(gradient, saved.second, parameters, into: gradients)
        let first = saved.first
        _ = consume saved
        let middle = conv2.backward({ norm1.output(first, parameters) }, gradient, parameters, into: gradients)
        _ = consume gradient
        norm1.backward(middle, first, parameters, into: gradients)
        _ = consume first
        if needsInput { return conv1.backward(input, middle, parameters, into: gradients) }
        conv1.backwardWeights(input(), middle, into: gradients)
        return nil
    }
}
