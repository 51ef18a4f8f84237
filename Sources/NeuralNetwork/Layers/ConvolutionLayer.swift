import Tensors

/// A convolution with 1 or 3 taps in depth and 3 × 3 in the plane, "same" padding, with bias. See ``Convolution``.
package struct ConvolutionLayer: Sendable {
    private let name: String
    private let kernel: Convolution
    private let weight: ParameterLayout.Place
    private let bias: ParameterLayout.Place

    /// Registers `name.weight` (outputs, inputs, taps, 3, 3) and `name.bias` (outputs).
    package init(_ name: String, taps: Int, inputs: Int, outputs: Int, in layout: inout ParameterLayout) {
        self.name = name
        kernel = Convolution(taps: taps, inputs: inputs, outputs: outputs)
        let fanIn = inputs * taps * 9
        weight = layout.register(
            name + ".weight", [outputs, inputs, taps, 3, 3], order: .convolution,
            initialization: .uniform(fanIn: fanIn))
        bias = layout.register(name + ".bias", [outputs], initialization: .uniform(fanIn: fanIn))
    }

    /// (D, H, W, inputs) to (D, H, W, outputs).
    package func forward(_ input: FeatureMap, _ parameters: Parameters) -> Tensor {
        kernel.forward(input, weight: parameters[weight], bias: parameters[bias])
    }

    /// Adds the layer to a graph.
    package func trace(_ input: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
    {
        graph.add(.convolution(kernel: [kernel.taps, 3, 3]), [input], [weight, bias], of: parameters)
    }

    /// Writes the parameters' gradients and returns the one by the input.
    /// - Parameters:
    ///   - input: makes the layer's input, which is given up before the gradient by it is computed.
    ///   - gradient: by the output.
    ///   - room: makes the map that the gradient by the input is written to.
    package func backward(
        _ input: () -> FeatureMap, _ gradient: Tensor, _ parameters: Parameters, into gradients: Gradients,
        room: (Shape) -> FeatureMap = { FeatureMap(Tensor($0)) }
    ) -> FeatureMap {
        gradients.write(range) { values in
            kernel.backwardWeights(input(), gradient, weight: values, bias: values + kernel.weightCount)
            let result = room(gradient.shape.with(channels: kernel.inputs))
            kernel.backwardData(gradient, weight: parameters[weight], into: result)
            return result
        }
    }

    /// Writes the parameters' gradients alone.
    package func backwardWeights(_ input: FeatureMap, _ gradient: Tensor, into gradients: Gradients) {
        gradients.write(range) {
            kernel.backwardWeights(input, gradient, weight: $0, bias: $0 + kernel.weightCount)
        }
    }

    private var range: Range<Int> { weight.offset..<bias.offset + kernel.outputs }

    /// This convolution, where its input has the extent of `shape`.
    package func placed(at shape: Shape) -> PlacedConvolution {
        PlacedConvolution(name: name, convolution: kernel, input: shape.with(channels: kernel.inputs))
    }
}

/// A convolution of a network, and what it is applied to.
package struct PlacedConvolution: Sendable {
    /// Its place in the state dict: `decoder.stage1.block.conv1`.
    package let name: String
    /// Taps and channels.
    package let convolution: Convolution
    /// The extent of its input.
    package let input: Shape
}

/// A 1 × 1 × 1 convolution with bias. See ``PointwiseConvolution``.
package struct PointwiseLayer: Sendable {
    private let kernel: PointwiseConvolution
    private let weight: ParameterLayout.Place
    private let bias: ParameterLayout.Place

    /// Registers `name.weight` (outputs, inputs, 1, 1, 1) and `name.bias` (outputs).
    package init(_ name: String, inputs: Int, outputs: Int, in layout: inout ParameterLayout) {
        kernel = PointwiseConvolution(inputs: inputs, outputs: outputs)
        weight = layout.register(
            name + ".weight", [outputs, inputs, 1, 1, 1], order: .convolution,
            initialization: .uniform(fanIn: inputs))
        bias = layout.register(name + ".bias", [outputs], initialization: .uniform(fanIn: inputs))
    }

    /// The place of its parameters.
    package var range: Range<Int> { weight.offset..<bias.offset + kernel.outputs }

    /// (…, inputs) to (…, outputs).
    package func forward(_ input: FeatureMap, _ parameters: Parameters) -> Tensor {
        kernel.forward(input, weight: parameters[weight], bias: parameters[bias])
    }

    /// Adds the layer to a graph.
    package func trace(_ input: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
    {
        graph.add(.convolution(kernel: [1, 1, 1]), [input], [weight, bias], of: parameters)
    }

    /// Writes the parameters' gradients and returns the one by the input, added to `result` where that is given.
    @discardableResult
    package func backward(
        _ input: FeatureMap, _ gradient: Tensor, _ parameters: Parameters, into gradients: Gradients,
        addingTo result: Tensor? = nil
    ) -> Tensor {
        gradients.write(range) { values in
            kernel.backwardWeights(input, gradient, weight: values, bias: values + kernel.inputs * kernel.outputs)
            return kernel.backwardData(gradient, weight: parameters[weight], addingTo: result)
        }
    }
}

/// A transposed convolution (1, 2, 2) of stride (1, 2, 2) whose output is beside a skip connection.
package struct UpsamplingLayer: Sendable {
    private let kernel: TransposedConvolution
    private let weight: ParameterLayout.Place
    private let bias: ParameterLayout.Place

    /// Registers `name.weight` (inputs, outputs, 1, 2, 2) and `name.bias` (outputs).
    package init(_ name: String, inputs: Int, outputs: Int, in layout: inout ParameterLayout) {
        kernel = TransposedConvolution(inputs: inputs, outputs: outputs)
        // PyTorch counts the fan-in of a transposed convolution over its second axis.
        let fanIn = outputs * 4
        weight = layout.register(
            name + ".weight", [inputs, outputs, 1, 2, 2], order: .transposedConvolution,
            initialization: .uniform(fanIn: fanIn))
        bias = layout.register(name + ".bias", [outputs], initialization: .uniform(fanIn: fanIn))
    }

    /// (D, h, w, inputs) to (D, H, W, outputs) of the skip's extent.
    package func forward(_ input: FeatureMap, skip: FeatureMap, _ parameters: Parameters) -> FeatureMap {
        kernel.forward(input, extent: skip.shape, weight: parameters[weight], bias: parameters[bias])
    }

    /// Room for the gradient by the output for an input and a skip of such shapes; its tensor is what
    /// ``backward(_:_:_:into:)`` takes.
    package func room(input: Shape, skip: Shape) -> FeatureMap { kernel.room(low: input, extent: skip) }

    /// Adds the layer to a graph.
    package func trace(
        _ input: InferenceGraph.Value, skip: InferenceGraph.Value, _ parameters: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        let output = graph.add(.upsampling, [input], [weight, bias], of: parameters)
        return graph.add(.concatenation, [skip, graph.add(.fitting, [output, skip])])
    }

    /// Writes the parameters' gradients and returns the one by the input, given the output's of ``room(input:skip:)``.
    package func backward(
        _ input: FeatureMap, _ corners: Tensor, _ parameters: Parameters, into gradients: Gradients
    ) -> Tensor {
        gradients.write(weight.offset..<bias.offset + kernel.outputs) { values in
            kernel.backwardWeights(
                input, corners: corners, weight: values, bias: values + 4 * kernel.inputs * kernel.outputs)
            return kernel.backwardData(corners: corners, weight: parameters[weight])
        }
    }
}
