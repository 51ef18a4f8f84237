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
        let result = Tensor(high.with(channels: high.channels + outputs))
        copy(skip, low: low, into: result)
        upsample(input, weight, bias, into: result, after: high.channels)
        return result
    }

    /// Copies the skip's channels, and zeros the others where no upsampled position is.
    private func copy(_ skip: Tensor, low: Shape, into result: Tensor) {
        let high = skip.shape
        let channels = result.shape.channels
        Parallel.shared.loop(high.depth * high.height, .elementwise) { line in
            let upsampled = line % high.height < 2 * low.height ? 2 * low.width : 0
            for x in 0..<high.width {
                let position = line &* high.width &+ x
                let target = result.base + position &* channels
                target.update(from: skip.base + position &* high.channels, count: high.channels)
                if x >= upsampled { (target + high.channels).update(repeating: 0, count: outputs) }
            }
        }
    }

    /// Positions and columns (four corners' channels) of one task.
    private static let rowBlock = 64
    private static let columnBlock = 256

    /// Writes the upsampled input to the channels of `result` from `firstChannel` on.
    private func upsample(
        _ input: Tensor, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, into result: Tensor,
        after firstChannel: Int
    ) {
        let (low, high) = (input.shape, result.shape)
        let columns = 4 * outputs
        let packed = PackedMatrix(.init(weight, columns), inner: inputs, columns: columns, .pointwise)
        let groups = packed.groups(columns: Self.columnBlock)
        let blocks = (low.positions + Self.rowBlock - 1) / Self.rowBlock
        TensorPool.shared.withScratch(columns) { biases in
            for corner in 0..<4 { (biases + corner * outputs).update(from: bias, count: outputs) }
            Parallel.shared.loop(blocks * groups.count, .pointwise) { task in
                let first = task / groups.count * Self.rowBlock
                let rows = min(Self.rowBlock, low.positions - first)
                let range = packed.columns(of: groups[task % groups.count])
                TensorPool.shared.withScratch(rows * range.count) { products in
                    packed.multiply(
                        .init(input.base + first * inputs, inputs), rows: rows, group: groups[task % groups.count],
                        into: products - range.lowerBound, rowStride: range.count, bias: biases)
                    for row in 0..<rows {
                        let position = first &+ row
                        let line = position / low.width
                        let y = line / low.height &* high.height &+ 2 &* (line % low.height)
                        let x = 2 &* (position % low.width)
                        for corner in range.lowerBound / outputs...(range.upperBound &- 1) / outputs {
                            let start = max(range.lowerBound, corner &* outputs)
                            let end = min(range.upperBound, (corner &+ 1) &* outputs)
                            let place = (y &+ corner / 2) &* high.width &+ x &+ corner % 2
                            let channel = firstChannel &+ start &- corner &* outputs
                            (result.base + (place &* high.channels &+ channel)).update(
                                from: products + (row &* range.count &+ start &- range.lowerBound), count: end &- start)
                        }
                    }
                }
            }
        }
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
        Parallel.shared.loop(high.depth * high.height, .elementwise) { task in
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
