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
        /// The input's.
        package let statistics: GroupNormalization.Statistics

        /// What a forward pass of `input` keeps, whose statistics are known.
        package init(_ input: Tensor, _ statistics: GroupNormalization.Statistics) {
            self.input = input
            self.statistics = statistics
        }
    }

    /// Normalizes `input`, which is kept: the output is read out of it.
    package func forward(_ input: Tensor, _ parameters: Parameters) -> (output: FeatureMap, saved: Saved) {
        let saved = Saved(input, kernel.statistics(input))
        return (output(saved, parameters), saved)
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
    package func output(_ saved: Saved, _ parameters: Parameters) -> FeatureMap {
        kernel.output(saved.input, saved.statistics, weight: parameters[weight], bias: parameters[bias])
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
