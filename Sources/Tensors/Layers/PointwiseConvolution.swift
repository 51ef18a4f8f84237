/// A 1 × 1 × 1 convolution: the same matrix [inputs × outputs] at every position.
package struct PointwiseConvolution: Hashable, Sendable {
    /// Channels of the input.
    package let inputs: Int
    /// Channels of the output.
    package let outputs: Int

    /// A matrix [inputs × outputs] at every position.
    package init(inputs: Int, outputs: Int) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// The output (…, outputs) of `input` (…, inputs); `weight` is row-major [inputs × outputs].
    package func forward(_ input: FeatureMap, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) -> Tensor {
        require(input.shape.channels == inputs, "input of \(input.shape) for \(inputs) channels")
        let output = Tensor(input.shape.with(channels: outputs))
        RowProduct.write(
            PositionValues(input), .init(weight, outputs), columns: outputs, into: output.base, bias: bias)
        return output
    }

    /// The gradient by the input; added to `result` where that is given.
    @discardableResult
    package func backwardData(
        _ gradient: Tensor, weight: UnsafePointer<Float>, addingTo result: Tensor? = nil
    ) -> Tensor {
        require(gradient.shape.channels == outputs, "gradient of \(gradient.shape) for \(outputs) channels")
        let target = result ?? Tensor(gradient.shape.with(channels: inputs))
        require(target.shape == gradient.shape.with(channels: inputs), "adding to \(target.shape)")
        RowProduct.write(
            PositionValues(FeatureMap(gradient)), .init(weight, outputs, transposed: true), columns: inputs,
            into: target.base, accumulating: result != nil)
        return target
    }

    /// Writes the gradients by weight and bias.
    package func backwardWeights(
        _ input: FeatureMap, _ gradient: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
    ) {
        require(
            input.shape.channels == inputs && gradient.shape == input.shape.with(channels: outputs),
            "input of \(input.shape), gradient of \(gradient.shape)")
        ChannelSums.write(gradient, into: bias)
        SummedProduct.write(PositionValues(input), gradient.base, outputs, into: weight)
    }
}
