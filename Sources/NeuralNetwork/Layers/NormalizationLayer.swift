import Tensors

/// Group normalization with an optional leaky rectifier. See ``GroupNormalization``.
package struct NormalizationLayer: Sendable {
    private let kernel: GroupNormalization
    private let weight: ParameterLayout.Place
    private let bias: ParameterLayout.Place

    /// The slope of the network's rectifiers.
    package static let rectifierSlope: Float = 0.01

    /// Registers `name.weight` and `name.bias` (channels).
    package init(_ name: String, channels: Int, rectified: Bool, in layout: inout ParameterLayout) {
        kernel = GroupNormalization(channels: channels, slope: rectified ? Self.rectifierSlope : 1)
        weight = layout.register(name + ".weight", [channels], initialization: .constant(1), layer: .normalization)
        bias = layout.register(name + ".bias", [channels], initialization: .constant(0), layer: .normalization)
    }

    /// What a normalization needs again in its backward pass.
    package struct Saved: Sendable {
        fileprivate let input: Tensor
        fileprivate let statistics: GroupNormalization.Statistics
    }

    /// Normalizes `input` into memory of its own and keeps the input.
    package func forward(_ input: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved) {
        let saved = Saved(input: input, statistics: kernel.statistics(input))
        return (output(saved, parameters), saved)
    }

    /// Normalizes `input` in its place, where nothing goes backward.
    package func forwardInPlace(_ input: Tensor, _ parameters: Parameters) -> Tensor {
        kernel.apply(
            input, kernel.statistics(input), weight: parameters[weight], bias: parameters[bias],
            into: input)
    }

    /// Adds the layer to a graph.
    package func trace(_ input: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
    {
        let normalized = graph.add(
            .groupNormalization(groups: GroupNormalization.groups, epsilon: Float(GroupNormalization.epsilon)), [input],
            [weight, bias], of: parameters)
        return kernel.slope == 1 ? normalized : graph.add(.leakyRectifier(slope: kernel.slope), [normalized])
    }

    /// The output again, from what was kept.
    package func output(_ saved: Saved, _ parameters: Parameters) -> Tensor {
        kernel.apply(
            saved.input, saved.statistics, weight: parameters[weight], bias: parameters[bias])
    }

    /// Turns the gradient by the output into the one by the input, in place, and writes the parameters' gradients.
    package func backward(_ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients) {
        gradients.write(range) { backward(gradient, saved, parameters, into: $0, accumulating: false) }
    }

    /// The places of its parameters.
    package var range: Range<Int> { weight.offset..<bias.offset + kernel.channels }

    /// The same for one of several places that the normalization serves.
    /// - Parameters:
    ///   - values: as many as ``range``.
    ///   - accumulating: whether the parameters' gradients are added to them.
    package func backward(
        _ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into values: UnsafeMutablePointer<Float>,
        accumulating: Bool
    ) {
        kernel.backward(
            gradient, input: saved.input, saved.statistics, weight: parameters[weight], bias: parameters[bias],
            weightGradient: values, biasGradient: values + kernel.channels, accumulating: accumulating)
    }
}
