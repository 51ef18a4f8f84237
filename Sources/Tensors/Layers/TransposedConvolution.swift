/// A transposed convolution (1, 2, 2) of stride (1, 2, 2): every position becomes a square of 2 × 2.
///
///     output(z, 2y + j, 2x + i, o) = bias(o) + Σ_c input(z, y, x, c) · weight(c, j, i, o)
///
/// The weights are in memory as (input channel, row, column, output channel), so that one matrix product gives the four
/// outputs of a position.
package struct TransposedConvolution: Hashable, Sendable {
    /// Channels of the input.
    package let inputs: Int
    /// Channels of the output.
    package let outputs: Int

    /// A doubling of height and width from `inputs` to `outputs` channels.
    package init(inputs: Int, outputs: Int) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// The upsampled `input`, padded with zeros at the high end to the given extent (depth, height, width): a map of
    /// `outputs` channels, whose squares one matrix product gives.
    package func forward(
        _ input: FeatureMap, extent: Shape, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>
    ) -> FeatureMap {
        require(input.shape.channels == inputs, "input of \(input.shape) for \(inputs) channels")
        return TensorPool.shared.withScratch(4 * outputs) { biases in
            for corner in 0..<4 { (biases + corner * outputs).update(from: bias, count: outputs) }
            return FeatureMap(squares: matrix.forward(input, weight: weight, bias: biases), extent: extent)
        }
    }

    /// Room for the gradient by what ``forward(_:extent:weight:bias:)`` gives for an input of the extent of `low`: its tensor
    /// holds the four corners of a position together, (depth, height, width, 4 · outputs) of the low resolution.
    package func room(low: Shape, extent: Shape) -> FeatureMap {
        FeatureMap(squares: Tensor(low.with(channels: 4 * outputs)), extent: extent)
    }

    /// The gradient by the input, given the corners' gradient.
    package func backwardData(corners: Tensor, weight: UnsafePointer<Float>) -> Tensor {
        matrix.backwardData(corners, weight: weight)
    }

    /// Writes the gradients by weight and bias, given the corners' gradient.
    package func backwardWeights(
        _ input: FeatureMap, corners: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * outputs) { cornerBias in
            guard let sums = cornerBias.baseAddress else { return }
            matrix.backwardWeights(input, corners, weight: weight, bias: sums)
            for channel in 0..<outputs {
                bias[channel] =
                    (sums[channel] + sums[outputs + channel])
                    + (sums[2 * outputs + channel] + sums[3 * outputs + channel])
            }
        }
    }

    private var matrix: PointwiseConvolution { .init(inputs: inputs, outputs: 4 * outputs) }
}
