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

    /// Concatenates `skip` and the upsampled `input`, which is padded with zeros at the high end to the skip's extent.
    /// - Returns: (depth, skip height, skip width, skip channels + outputs).
    package func forward(
        _ input: Tensor, skip: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>
    ) -> Tensor {
        let (low, high) = (input.shape, skip.shape)
        require(low.channels == inputs, "input of \(low) for \(inputs) channels")
        require(
            low.depth == high.depth && 2 * low.height <= high.height && 2 * low.width <= high.width,
            "upsampled \(low) does not fit \(high)")
        let channels = high.channels + outputs
        let result = Tensor(high.with(channels: channels))
        let columns = 4 * outputs
        Parallel.shared.loop(high.depth * ((high.height + 1) / 2)) { task in
            let slice = task / ((high.height + 1) / 2)
            let row = task % ((high.height + 1) / 2)
            TensorPool.shared.withScratch(low.width * columns) { products in
                if row < low.height {
                    for column in 0..<low.width {
                        for corner in 0..<4 {
                            (products + (4 &* column &+ corner) &* outputs).update(from: bias, count: outputs)
                        }
                    }
                    MatrixProduct.multiply(
                        .init(input.base + (slice * low.height + row) * low.width * inputs, inputs),
                        .init(weight, columns), rows: low.width, inner: inputs, columns: columns, into: products,
                        rowStride: columns, accumulating: true)
                }
                for y in 2 * row..<min(high.height, 2 * row + 2) {
                    let start = (slice &* high.height &+ y) &* high.width
                    for x in 0..<high.width {
                        let target = result.base + (start &+ x) &* channels
                        target.update(from: skip.base + (start &+ x) &* high.channels, count: high.channels)
                        if row < low.height, x < 2 &* low.width {
                            let corner = 4 &* (x / 2) &+ 2 &* (y & 1) &+ (x & 1)
                            (target + high.channels).update(from: products + corner &* outputs, count: outputs)
                        } else {
                            (target + high.channels).update(repeating: 0, count: outputs)
                        }
                    }
                }
            }
        }
        return result
    }

    /// Takes apart the gradient of a concatenation.
    /// - Returns: the gradient by the skip, and the one by the upsampled positions with their four corners together:
    ///   (depth, height, width, 4 · outputs) of the low resolution.
    package func split(_ gradient: Tensor, low: Shape) -> (skip: Tensor, corners: Tensor) {
        let high = gradient.shape
        require(
            low.depth == high.depth && 2 * low.height <= high.height && 2 * low.width <= high.width
                && high.channels > outputs, "\(high) does not hold an upsampled \(low)")
        let skipChannels = high.channels - outputs
        let skip = Tensor(high.with(channels: skipChannels))
        let corners = Tensor(low.with(channels: 4 * outputs))
        Parallel.shared.loop(high.depth * high.height) { task in
            let slice = task / high.height
            let y = task % high.height
            for x in 0..<high.width {
                let source = gradient.base + (task &* high.width &+ x) &* high.channels
                (skip.base + (task &* high.width &+ x) &* skipChannels).update(from: source, count: skipChannels)
                guard y / 2 < low.height, x / 2 < low.width else { continue }
                let position = (slice &* low.height &+ y / 2) &* low.width &+ x / 2
                let corner = 4 &* position &+ 2 &* (y & 1) &+ (x & 1)
                (corners.base + corner &* outputs).update(from: source + skipChannels, count: outputs)
            }
        }
        return (skip, corners)
    }

    /// The gradient by the input, given the corners' gradient of ``split(_:low:)``.
    package func backwardData(corners: Tensor, weight: UnsafePointer<Float>) -> Tensor {
        matrix.backwardData(corners, weight: weight)
    }

    /// Writes the gradients by weight and bias, given the corners' gradient of ``split(_:low:)``.
    package func backwardWeights(
        _ input: Tensor, corners: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
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
