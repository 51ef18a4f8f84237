/// A convolution of stride 1 with "same" zero padding: 3 × 3 in the plane, 1 or 3 taps in depth.
///
///     output(z, y, x, o) = bias(o) + Σ_{k, j, i, c} weight(k, j, i, c, o) · input(z + k − taps/2, y + j − 1, x + i − 1, c)
///
/// Weights are in memory as (depth tap, row tap, column tap, input channel, output channel).
///
/// *Winograd* F(4×4, 3×3) does a quarter of the multiplications, F(6×6, 3×3) a fifth, at the price of transforming tiles and
/// weights; with groups of four slices, too, they do half of these. *Gathered* collects each position's neighbourhood into a row of a matrix; *single channel* is for
/// an image, whose neighbourhoods are a few numbers. See
/// ``algorithm(for:)`` for the rule that chooses.
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

    /// How a convolution is computed.
    package enum Algorithm: String, Sendable, CaseIterable {
        /// F(4×4, 3×3): 36 products of transformed tiles and weights. Channels must be multiples of 4.
        case winograd
        /// F(6×6, 3×3): 64 products of larger tiles, a fifth fewer multiplications with rounding errors some times as large.
        /// Channels must be multiples of 4.
        case winogradSix = "winograd 6"
        /// F(4×4×4, 3×3×3): ``winograd`` on groups of four slices, half of its multiplications. For three taps in depth.
        case winogradDeep = "winograd deep"
        /// F(4×6×6, 3×3×3): ``winogradSix`` on groups of four slices.
        case winogradSixDeep = "winograd 6 deep"
        /// One product of gathered neighbourhoods and weights.
        case gathered
        /// Multiplications in place, for a single input channel. Output channels must be a multiple of 4.
        case singleChannel = "single channel"

        /// Whether it transforms tiles and weights, and multiplies those.
        package var isByTiles: Bool { self != .gathered && self != .singleChannel }
    }

    /// The algorithms that can compute this convolution.
    package var algorithms: [Algorithm] {
        guard outputs % 4 == 0 else { return [.gathered] }
        guard inputs > 1 else { return [.gathered, .singleChannel] }
        guard inputs % 4 == 0 else { return [.gathered] }
        let deep: [Algorithm] = taps == 3 ? [.winogradDeep, .winogradSixDeep] : []
        return [.winograd, .winogradSix] + deep + [.gathered]
    }

    /// The algorithm that is used for feature maps of this extent.
    ///
    /// The transforms of tiles work on vectors of 4 channels and more. The 36 transformed weight matrices cost about as
    /// much as 24 tiles; below that, at a bottleneck of a few positions, gathering is faster. Winograd's rounding errors are
    /// some times those of plain sums, which small problems, where speed matters less, are spared. Groups of four slices have
    /// half as many values again and twice as many weights: with few channels or tiles that outweighs the
    /// products they spare, and of five or six slices, which fill no two groups, there is little to spare.
    /// `fedcrld bench convolution` times all for every convolution of the network.
    package func algorithm(for shape: Shape) -> Algorithm {
        if algorithms.contains(.singleChannel) { return .singleChannel }
        guard algorithms.contains(.winograd) else { return .gathered }
        guard shape.positions >= 2048 || shape.positions * inputs * outputs >= 1 << 20 else { return .gathered }
        let (four, six) = (TileGrid(shape, outputs: 4).count, TileGrid(shape, outputs: 6).count)
        guard 4 * (four + 24) < shape.positions else { return .gathered }
        // Few products of channels, and the larger transforms weigh more: only where tiles of six fit well, then.
        let share = Double(SixOutputs.frequencies * six) / Double(FourOutputs.frequencies * four)
        let largest = taps * inputs * outputs >= Self.manyProducts ? 1 : 0.8
        let isBySix = six >= Self.fewestTilesOfSix && share < largest
        let tiles = isBySix ? six : four
        let sparesProducts = taps == 3 && DepthGroups(slices: shape.depth).share < Self.largestDeepShare
        guard sparesProducts, inputs * outputs >= Self.deepChannels, tiles * inputs * outputs >= Self.deepProducts
        else {
            return isBySix ? .winogradSix : .winograd
        }
        return isBySix ? .winogradSixDeep : .winogradDeep
    }

    /// Products that remain when depth is transformed, too, and products of channels and tiles that outweigh its transforms.
    private static let (largestDeepShare, deepChannels, deepProducts) = (0.65, 512, 1 << 18)
    /// Tiles of six from which on their weights' transforms are worth it, and products of channels that outweigh the tiles'.
    private static let (fewestTilesOfSix, manyProducts) = (64, 1536)

    /// The output for `input` (depth, height, width, inputs); `weight` has ``weightCount`` values, `bias` `outputs`.
    /// - Parameter algorithm: one of ``algorithms``; nil: the one that ``algorithm(for:)`` chooses.
    package func forward(
        _ input: FeatureMap, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, by algorithm: Algorithm? = nil
    ) -> Tensor {
        require(input.shape.channels == inputs, "input of \(input.shape) for \(inputs) channels")
        let output = Tensor(input.shape.with(channels: outputs))
        apply(input, ConvolutionWeights(weight), bias, algorithm, into: FeatureMap(output))
        return output
    }

    /// The gradient of the loss by the input, given the one by the output: (depth, height, width, inputs).
    package func backwardData(
        _ gradient: Tensor, weight: UnsafePointer<Float>, by algorithm: Algorithm? = nil
    ) -> Tensor {
        let result = Tensor(gradient.shape.with(channels: inputs))
        backwardData(gradient, weight: weight, by: algorithm, into: FeatureMap(result))
        return result
    }

    /// Writes the gradient of the loss by the input to the tensors that hold `result`, given the one by the output.
    package func backwardData(
        _ gradient: Tensor, weight: UnsafePointer<Float>, by algorithm: Algorithm? = nil, into result: FeatureMap
    ) {
        require(
            gradient.shape.channels == outputs && result.shape == gradient.shape.with(channels: inputs),
            "gradient of \(gradient.shape) for \(outputs) channels, into \(result.shape)")
        let adjoint = Convolution(taps: taps, inputs: outputs, outputs: inputs)
        // What computes a convolution need not compute its adjoint, which has its channels exchanged.
        let algorithm = algorithm.flatMap { adjoint.algorithms.contains($0) ? $0 : nil }
        adjoint.apply(FeatureMap(gradient), ConvolutionWeights(adjointTo: weight), nil, algorithm, into: result)
    }

    /// Writes the gradients of the loss by weights and bias, given the input and the gradient by the output.
    package func backwardWeights(
        _ input: FeatureMap, _ gradient: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>,
        by algorithm: Algorithm? = nil
    ) {
        require(
            input.shape.channels == inputs && gradient.shape == input.shape.with(channels: outputs),
            "input of \(input.shape), gradient of \(gradient.shape)")
        ChannelSums.write(gradient, into: bias)
        switch choice(algorithm, input.shape) {
        case .winograd: WinogradConvolution<FourOutputs>(self).weightGradient(input.inVectors, gradient, into: weight)
        case .winogradSix: WinogradConvolution<SixOutputs>(self).weightGradient(input.inVectors, gradient, into: weight)
        case .winogradDeep:
            WinogradConvolution<FourOutputs>(self, isDeep: true).weightGradient(input.inVectors, gradient, into: weight)
        case .winogradSixDeep:
            WinogradConvolution<SixOutputs>(self, isDeep: true).weightGradient(input.inVectors, gradient, into: weight)
        case .gathered: GatheredConvolution(self).weightGradient(input.written(), gradient, into: weight)
        case .singleChannel: SingleChannelConvolution(self).weightGradient(input.written(), gradient, into: weight)
        }
    }

    private func apply(
        _ input: FeatureMap, _ weights: ConvolutionWeights, _ bias: UnsafePointer<Float>?, _ algorithm: Algorithm?,
        into output: FeatureMap
    ) {
        let algorithm = choice(algorithm, input.shape)
        let canWrite = algorithm.isByTiles ? output.isInVectors : output.plain != nil
        let target = canWrite ? output : FeatureMap(Tensor(output.shape))
        switch algorithm {
        case .winograd:
            WinogradConvolution<FourOutputs>(self).apply(input.inVectors, weights, bias: bias, into: target)
        case .winogradSix:
            WinogradConvolution<SixOutputs>(self).apply(input.inVectors, weights, bias: bias, into: target)
        case .winogradDeep:
            WinogradConvolution<FourOutputs>(self, isDeep: true).apply(
                input.inVectors, weights, bias: bias, into: target)
        case .winogradSixDeep:
            WinogradConvolution<SixOutputs>(self, isDeep: true).apply(
                input.inVectors, weights, bias: bias, into: target)
        case .gathered:
            weights.withAll(of: self) { weight in
                GatheredConvolution(self).apply(input.written(), weight: weight, bias: bias, into: target.written())
            }
        case .singleChannel:
            weights.withAll(of: self) { weight in
                SingleChannelConvolution(self).apply(
                    input.written(), weight: weight, bias: bias, into: target.written())
            }
        }
        if !canWrite { output.write(target.written()) }
    }

    private func choice(_ algorithm: Algorithm?, _ shape: Shape) -> Algorithm {
        guard let algorithm else { return self.algorithm(for: shape) }
        require(algorithms.contains(algorithm), "\(algorithm.rawValue) cannot compute \(inputs) to \(outputs) channels")
        return algorithm
    }
}
