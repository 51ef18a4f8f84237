/// A convolution of stride 1 with "same" zero padding: 3 × 3 in the plane, 1 or 3 taps in depth.
///
///     output(z, y, x, o) = bias(o) + Σ_{k, j, i, c} weight(k, j, i, c, o) · input(z + k − taps/2, y + j − 1, x + i − 1, c)
///
/// Weights are in memory as (depth tap, row tap, column tap, input channel, output channel).
///
/// Two paths compute it. *Winograd* F(4×4, 3×3) does a quarter of the multiplications, at the price of transforming
/// tiles and weights; *gathered* collects each position's neighbourhood into a row of a matrix. See
/// ``usesWinograd(_:)`` for the rule that chooses.
package struct Convolution: Hashable, Sendable {
    /// Taps in depth: 1 or 3.
    package let taps: Int
    /// Channels of the input.
    package let inputs: Int
    /// Channels of the output.
    package let outputs: Int

    /// A convolution with `taps` × 3 × 3 taps.
    package init(taps: Int, inputs: Int, outputs: Int) {
        require(taps == 1 || taps == 3, "a convolution has 1 or 3 taps in depth")
        self.taps = taps
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Number of weights.
    package var weightCount: Int { taps * 9 * inputs * outputs }

    /// Whether Winograd's algorithm is worth its transforms for feature maps of this extent.
    ///
    /// The transforms of tiles work on vectors of 4 channels and more. The 36 transformed weight matrices cost about as
    /// much as 24 tiles; below that, at a bottleneck of a few positions, gathering is faster. Its rounding errors are
    /// some times those of plain sums, which small problems, where speed matters less, are spared.
    package func usesWinograd(_ shape: Shape) -> Bool {
        guard inputs % 4 == 0, outputs % 4 == 0 else { return false }
        guard shape.positions >= 2048 || shape.positions * inputs * outputs >= 1 << 21 else { return false }
        return 4 * (TileGrid(shape).count + 24) < shape.positions
    }

    /// The output for `input` (depth, height, width, inputs); `weight` has ``weightCount`` values, `bias` `outputs`.
    package func forward(_ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) -> Tensor {
        require(input.shape.channels == inputs, "input of \(input.shape) for \(inputs) channels")
        let output = Tensor(input.shape.with(channels: outputs))
        if usesWinograd(input.shape) {
            WinogradConvolution(self).apply(input, weight: weight, bias: bias, into: output)
        } else {
            GatheredConvolution(self).apply(input, weight: weight, bias: bias, into: output)
        }
        return output
    }

    /// The gradient of the loss by the input, given the one by the output: (depth, height, width, inputs).
    package func backwardData(_ gradient: Tensor, weight: UnsafePointer<Float>) -> Tensor {
        require(gradient.shape.channels == outputs, "gradient of \(gradient.shape) for \(outputs) channels")
        let result = Tensor(gradient.shape.with(channels: inputs))
        TurnedWeights.with(self, weight) { adjoint, weight in
            if usesWinograd(gradient.shape) {
                WinogradConvolution(adjoint).apply(gradient, weight: weight, bias: nil, into: result)
            } else {
                GatheredConvolution(adjoint).apply(gradient, weight: weight, bias: nil, into: result)
            }
        }
        return result
    }

    /// Writes the gradients of the loss by weights and bias, given the input and the gradient by the output.
    package func backwardWeights(
        _ input: Tensor, _ gradient: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
    ) {
        require(
            input.shape.channels == inputs && gradient.shape == input.shape.with(channels: outputs),
            "input of \(input.shape), gradient of \(gradient.shape)")
        ChannelSums.write(gradient, into: bias)
        if usesWinograd(input.shape) {
            WinogradConvolution(self).weightGradient(input, gradient, into: weight)
        } else {
            GatheredConvolution(self).weightGradient(input, gradient, into: weight)
        }
    }
}
