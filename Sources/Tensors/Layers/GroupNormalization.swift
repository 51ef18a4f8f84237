/// Group normalization (Wu and He, ECCV 2018) over four groups of channels, followed by a leaky rectifier:
///
///     y = leaky(γ (x − μ) / √(σ² + 10⁻⁵) + β),    μ, σ² over a group's channels and all positions
///
/// A slope of 1 leaves out the rectifier. Only x and the statistics are needed backward: y is computed again.
package struct GroupNormalization: Hashable, Sendable {
    /// Channels, a multiple of ``groups``.
    package let channels: Int
    /// Slope of the rectifier for negative values; 1 for none.
    package let slope: Float

    /// Number of groups.
    package static let groups = 4
    /// What is added to the variance.
    package static let epsilon = 1e-5

    /// A normalization of `channels` channels, a multiple of 4.
    package init(channels: Int, slope: Float) {
        require(channels % Self.groups == 0, "\(channels) channels in four groups")
        self.channels = channels
        self.slope = slope
    }

    /// Mean and reciprocal standard deviation of each group.
    package struct Statistics: Sendable {
        fileprivate var mean: [Double]
        fileprivate var reciprocal: [Double]
    }

    /// The mean and deviation of each group of `input`.
    package func statistics(_ input: Tensor) -> Statistics {
        require(input.shape.channels == channels, "input of \(input.shape) for \(channels) channels")
        let sums = channelSums(input.shape.positions, Moments(values: input.base, stride: channels))
        let width = channels / Self.groups
        let count = Double(width * input.shape.positions)
        var statistics = Statistics(mean: [], reciprocal: [])
        for group in 0..<Self.groups {
            let range = group * width..<(group + 1) * width
            let positions = Double(input.shape.positions)
            let mean = range.reduce(0) { $0 + sums[$1] + positions * Double(input.base[$1]) } / count
            // Σ (x − μ)² = Σ (x − o)² − (μ − o) (2 Σ (x − o) − n (μ − o)), with each channel's origin o.
            let square = range.reduce(0) {
                let distance = mean - Double(input.base[$1])
                return $0 + sums[channels + $1] - distance * (2 * sums[$1] - positions * distance)
            }
            statistics.mean.append(mean)
            statistics.reciprocal.append(1 / (max(0, square / count) + Self.epsilon).squareRoot())
        }
        return statistics
    }

    /// The output for `input`, which layers read out of that: nothing is written.
    package func output(
        _ input: Tensor, _ statistics: Statistics, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>
    ) -> FeatureMap {
        require(input.shape.channels == channels, "input of \(input.shape) for \(channels) channels")
        let coefficients = coefficients(statistics, weight, bias)
        return FeatureMap(input, .init(coefficients: coefficients, slope: slope))
    }

    /// Turns the gradient by the output into the one by the input, in place, and writes the parameters' gradients.
    /// - Parameters:
    ///   - gradient: by the output; afterwards by the input.
    ///   - input: of the normalization.
    ///   - accumulating: add to the parameters' gradients, for a normalization that is used several times.
    package func backward(
        _ gradient: Tensor, input: Tensor, _ statistics: Statistics, weight: UnsafePointer<Float>,
        bias: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
        biasGradient: UnsafeMutablePointer<Float>, accumulating: Bool = false
    ) {
        require(
            input.shape.channels == channels && gradient.shape == input.shape,
            "input of \(input.shape), gradient of \(gradient.shape)")
        let coefficients = coefficients(statistics, weight, bias)
        let width = channels / Self.groups
        // Σ g and Σ g (x − o) per channel, where g is the gradient before the rectifier, o the channel's first value.
        let sums = channelSums(
            input.shape.positions,
            GradientMoments(
                values: input.base, gradients: gradient.base, stride: channels, scale: coefficients.base,
                shift: coefficients.base + channels, slope: slope))
        let affine = Tensor(flat: 2 * channels)
        let count = Double(width * input.shape.positions)
        for group in 0..<Self.groups {
            let (mean, reciprocal) = (statistics.mean[group], statistics.reciprocal[group])
            var sum = 0.0
            var product = 0.0
            for channel in group * width..<(group + 1) * width {
                let distance = mean - Double(input.base[channel])
                let normalized = (sums[channels + channel] - distance * sums[channel]) * reciprocal
                if accumulating {
                    weightGradient[channel] += Float(normalized)
                    biasGradient[channel] += Float(sums[channel])
                } else {
                    weightGradient[channel] = Float(normalized)
                    biasGradient[channel] = Float(sums[channel])
                }
                sum += Double(weight[channel]) * sums[channel]
                product += Double(weight[channel]) * normalized
            }
            // dx = r (γ g − sum/n − x̂ product/n), as γ r g + a x + b.
            let a = -reciprocal * reciprocal * product / count
            let b = -reciprocal * sum / count - a * mean
            for channel in group * width..<(group + 1) * width {
                affine.base[channel] = Float(a)
                affine.base[channels + channel] = Float(b)
            }
        }
        forEachBlock(input.shape.positions) { _, first, count in
            ScaleAndOffsetGradient(
                values: input.base + first * channels, gradients: gradient.base + first * channels,
                positions: count, stride: channels, scale: coefficients.base, shift: coefficients.base + channels,
                a: affine.base, b: affine.base + channels, slope: slope
            ).cover(0..<channels)
        }
    }

    /// γ/σ of every channel, then β − μ γ/σ.
    private func coefficients(
        _ statistics: Statistics, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>
    ) -> Tensor {
        let width = channels / Self.groups
        let result = Tensor(flat: 2 * channels)
        for channel in 0..<channels {
            let scale = Double(weight[channel]) * statistics.reciprocal[channel / width]
            result.base[channel] = Float(scale)
            result.base[channels + channel] = Float(Double(bias[channel]) - scale * statistics.mean[channel / width])
        }
        return result
    }

    private func forEachBlock(_ positions: Int, _ body: (_ block: Int, _ first: Int, _ count: Int) -> Void) {
        let size = max(16, (32 << 10) / channels)
        Parallel.shared.loop((positions + size - 1) / size, .normalization) { block in
            body(block, block * size, min(size, positions - block * size))
        }
    }

    /// Two sums per channel over all positions, in double: first all first sums, then all second ones.
    private func channelSums<Kernel: PairSum>(_ positions: Int, _ kernel: Kernel) -> [Double] {
        let size = max(16, (32 << 10) / channels)
        let blocks = (positions + size - 1) / size
        var partial = [Double](repeating: 0, count: blocks * 2 * channels)
        partial.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            nonisolated(unsafe) let partial = start
            forEachBlock(positions) { block, first, count in
                var kernel = kernel
                kernel.select(first: first, count: count, sums: partial + block * 2 * channels, second: channels)
                kernel.cover(0..<channels)
            }
        }
        var sums = [Double](repeating: 0, count: 2 * channels)
        for block in 0..<blocks {
            for index in 0..<2 * channels { sums[index] += partial[block * 2 * channels + index] }
        }
        return sums
    }
}
