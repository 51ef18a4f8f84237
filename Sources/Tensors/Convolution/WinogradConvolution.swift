/// A convolution by Winograd's F(m×m, 3×3): transform tiles of the input and the weights to (m + 2)² frequencies, multiply
/// matrices [tiles × channels]·[channels × channels] at each frequency, transform back.
///
/// A tap in depth is one more product with the neighbour slice's transformed tiles: they are transformed once and used
/// three times. Or depth is transformed, too (``DepthGroups``). The work is divided so that transformed values stay in a cache (``Plan``).
struct WinogradConvolution<Transform: WinogradTransform> {
    let convolution: Convolution
    /// Whether depth is transformed, too.
    let isDeep: Bool

    init(_ convolution: Convolution, isDeep: Bool = false) {
        self.convolution = convolution
        self.isDeep = isDeep
    }

    /// Matrices of weights of a frequency in the plane: depth taps, or frequencies in depth.
    var depthFactors: Int { isDeep ? DepthGroups.Transform.size : convolution.taps }

    @inline(__always)
    static var frequencies: Int { Transform.frequencies }
    /// Panels of one task's result, so that wide layers have more tasks than frequencies.
    static var panelsPerTask: Int { 2 }
    /// The most floats of transformed weights that exist at once, where they are more than the tiles'.
    private static var mostWeights: Int { 4 << 20 }
    /// The most floats of a task's block of tiles, about what a core's second cache holds.
    private static var largestBlock: Int { 5 << 16 }
    /// About so many blocks there are at least, for many threads; of fewer tiles than half of that, all are in the cache anyway.
    private static var fewestBlocks: Int { 32 }

    /// Writes the convolution of `input` to `output`.
    func apply(
        _ input: FeatureMap, _ weights: ConvolutionWeights, bias: UnsafePointer<Float>?, into output: FeatureMap
    ) {
        let plan = Plan(convolution, depthFactors: depthFactors, input.shape)
        guard !plan.isByWeightBlocks else {
            return forEachChunk(plan, input) { chunk, values, left in
                withProducts(plan, chunk, bias: bias, output) { products, right in
                    multiply(
                        values, left, transforming: weights, sliceTiles: chunk.sliceTiles, into: products, right)
                }
            }
        }
        weights.withAll(of: convolution) { weight in
            let factors = transform(weight)
            guard plan.tileBlocks.isEmpty else {
                return apply(input, factors, plan.tileBlocks, bias: bias, into: output)
            }
            forEachChunk(plan, input) { chunk, values, left in
                withProducts(plan, chunk, bias: bias, output) { products, right in
                    multiply(values, left, factors, sliceTiles: chunk.sliceTiles, into: products, right)
                }
            }
        }
    }

    /// Writes the convolution of `input` to `output`, where each task takes a block of tiles all the way: what is transformed
    /// stays in its core's cache.
    private func apply(
        _ input: FeatureMap, _ weights: Tensor, _ blocks: [TileBlock], bias: UnsafePointer<Float>?,
        into output: FeatureMap
    ) {
        let largest = blocks.map(\.count).max() ?? 0
        let room = [convolution.inputs, convolution.outputs].reduce(0) {
            $0 + Panels(rows: largest, columns: $1).stride
        }
        Parallel.shared.loop(blocks.count, .tiles, part: .products) { task in
            let block = blocks[task]
            let left = Panels(rows: block.count, columns: convolution.inputs)
            let right = Panels(rows: block.count, columns: convolution.outputs)
            TensorPool.shared.withScratch(Self.frequencies * room) { values in
                let products = values + Self.frequencies * left.stride
                transformInput(input, block, left, alone: true, into: values)
                KernelProfile.measurePart {
                    multiply(values, left, weights, sliceTiles: block.sliceTiles, into: products, right, alone: true)
                }
                transformOutput(products, right, block, alone: true, bias: bias, into: output)
            }
        }
    }

    /// Writes a chunk of the output, whose frequencies `body` computes.
    private func withProducts(
        _ plan: Plan, _ chunk: TileBlock, bias: UnsafePointer<Float>?, _ output: FeatureMap,
        _ body: (_ products: UnsafeMutablePointer<Float>, Panels) -> Void
    ) {
        let right = Panels(rows: chunk.count, columns: convolution.outputs)
        TensorPool.shared.withScratch(Self.frequencies * right.stride) { products in
            body(products, right)
            transformOutput(products, right, chunk, bias: bias, into: output)
        }
    }

    /// Writes the gradient of the loss by the weights, given the input and the gradient by the output.
    func weightGradient(_ input: FeatureMap, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let plan = Plan(convolution, depthFactors: depthFactors, input.shape)
        guard !plan.isByWeightBlocks else {
            return forEachChunk(plan, input) { chunk, values, left in
                withSlopes(plan, chunk, gradient) { slopes, right in
                    correlate(
                        values, left, slopes, right, sliceTiles: chunk.sliceTiles, transformingBackInto: weight)
                }
            }
        }
        let matrix = Panels(rows: convolution.inputs, columns: convolution.outputs)
        TensorPool.shared.withScratch(Self.frequencies * convolution.taps * matrix.stride) { sums in
            forEachChunk(plan, input) { chunk, values, left in
                withSlopes(plan, chunk, gradient) { slopes, right in
                    correlate(
                        values, left, slopes, right, sliceTiles: chunk.sliceTiles, into: sums, matrix,
                        accumulating: chunk.rows.lowerBound > 0)
                }
            }
            transformBack(sums, matrix, into: weight)
        }
    }

    /// Runs `body` with the transformed gradient of a chunk.
    private func withSlopes(
        _ plan: Plan, _ chunk: TileBlock, _ gradient: Tensor,
        _ body: (_ slopes: UnsafeMutablePointer<Float>, Panels) -> Void
    ) {
        let right = Panels(rows: chunk.count, columns: convolution.outputs)
        TensorPool.shared.withScratch(Self.frequencies * right.stride) { slopes in
            transformGradient(gradient, chunk, right, into: slopes)
            body(slopes, right)
        }
    }

    /// How the work is divided: by chunks of tile rows, which all threads transform and multiply together; forward, where tiles are
    /// many, by blocks of them, which a task takes all the way; where they are few and the weights many, by blocks of weights.
    private struct Plan {
        let grid: TileGrid
        let chunks: [TileBlock]
        /// Blocks of tiles that one task takes all the way, where the weights are so few that each task can read all.
        let tileBlocks: [TileBlock]
        let isByWeightBlocks: Bool

        init(_ convolution: Convolution, depthFactors: Int, _ shape: Shape) {
            grid = TileGrid(shape, outputs: Transform.outputs)
            let (inputs, outputs) = (convolution.inputs, convolution.outputs)
            let weights = frequencies * depthFactors * inputs * outputs
            let floatsPerTile = frequencies * (inputs + outputs)
            isByWeightBlocks = weights > max(mostWeights, grid.count * floatsPerTile)
            chunks =
                isByWeightBlocks
                ? [grid.block(rows: 0..<grid.rows)] : grid.chunks(floatsPerTile: floatsPerTile, weightFloats: weights)
            let tiles = min(largestBlock / floatsPerTile, grid.count / fewestBlocks)
            tileBlocks =
                weights <= mostWeights && 2 * grid.count * floatsPerTile >= fewestBlocks * largestBlock
                ? grid.blocks(tiles: max(1, tiles), joiningSlices: convolution.taps == 3) : []
        }
    }

    /// Calls `body` with the transformed input of each chunk of tile rows.
    private func forEachChunk(
        _ plan: Plan, _ input: FeatureMap,
        _ body: (_ chunk: TileBlock, _ values: UnsafeMutablePointer<Float>, _ left: Panels) -> Void
    ) {
        let largest = Panels(rows: plan.chunks.map(\.count).max() ?? 0, columns: convolution.inputs)
        TensorPool.shared.withScratch(Self.frequencies * largest.stride) { values in
            for chunk in plan.chunks {
                let left = Panels(rows: chunk.count, columns: convolution.inputs)
                transformInput(input, chunk, left, into: values)
                body(chunk, values, left)
            }
        }
    }

    // MARK: Products

    /// The products of all frequencies, each summed over the depth taps.
    func multiply(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ weights: Tensor, sliceTiles: Int,
        into products: UnsafeMutablePointer<Float>, _ right: Panels, alone: Bool = false
    ) {
        guard !isDeep else {
            return multiplyDeep(
                values, left, weights, sliceTiles: sliceTiles, into: products, right, alone: alone)
        }
        let matrix = Panels(rows: left.columns, columns: right.columns)
        let panels = right.all
        let parts = left.all
        let blocks = (panels.count + Self.panelsPerTask - 1) / Self.panelsPerTask
        let ranges = sliceRanges(sliceTiles: sliceTiles, tiles: left.rows)
        Parallel.shared.loop(Self.frequencies * blocks, .products, alone: alone) { task in
            let frequency = task / blocks
            let source = values + frequency * left.stride
            for panel in panels.dropFirst(task % blocks * Self.panelsPerTask).prefix(Self.panelsPerTask) {
                for range in ranges {
                    withUnsafeTemporaryAllocation(
                        of: PanelProduct.Strip.self, capacity: range.offsets.count * parts.count
                    ) { strips in
                        for (index, offset) in range.offsets.enumerated() {
                            let tap = offset + convolution.taps / 2
                            let factor = weights.base + (tap * Self.frequencies + frequency) * matrix.stride
                            for (place, part) in parts.enumerated() {
                                strips[index * parts.count + place] = PanelProduct.Strip(
                                    left: source + part.start * left.rows
                                        + (range.rows.lowerBound + offset * sliceTiles) * part.width,
                                    rowStride: part.width, stepStride: 1,
                                    right: factor + panel.start * matrix.rows + part.start * panel.width,
                                    steps: part.width)
                            }
                        }
                        PanelProduct(
                            rows: range.rows.count, width: panel.width,
                            result: products + frequency * right.stride + panel.start * right.rows
                                + range.rows.lowerBound * panel.width, resultStride: panel.width, start: .zero
                        ).multiply(UnsafeBufferPointer(strips))
                    }
                }
            }
        }
    }

    /// The products of the transposed values with the gradients, for all frequencies and depth taps.
    private func correlate(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ gradients: UnsafeMutablePointer<Float>,
        _ right: Panels,
        sliceTiles: Int, into sums: UnsafeMutablePointer<Float>, _ matrix: Panels, accumulating: Bool
    ) {
        guard !isDeep else {
            return correlateDeep(
                values, left, gradients, right, sliceTiles: sliceTiles, into: sums, matrix, accumulating: accumulating)
        }
        let (panels, parts) = (right.all, left.all)
        Parallel.shared.loop(Self.frequencies * convolution.taps, .products) { task in
            let frequency = task % Self.frequencies
            let target = sums + task * matrix.stride
            for panel in panels {
                for part in parts {
                    correlate(
                        values + frequency * left.stride + part.start * left.rows, part.width,
                        gradients + frequency * right.stride + panel.start * right.rows, panel.width,
                        tap: task / Self.frequencies, tiles: left.rows, sliceTiles: sliceTiles,
                        into: target + panel.start * matrix.rows + part.start * panel.width,
                        accumulating: accumulating)
                }
            }
        }
    }

    /// The product of a panel of transposed values with a panel of gradients, for one frequency and depth tap.
    func correlate(
        _ values: UnsafePointer<Float>, _ rows: Int, _ gradients: UnsafePointer<Float>, _ columns: Int, tap: Int,
        tiles: Int, sliceTiles: Int, into sums: UnsafeMutablePointer<Float>, accumulating: Bool
    ) {
        let offset = tap - convolution.taps / 2
        let steps = tiles - abs(offset) * sliceTiles
        guard steps > 0 else {
            if !accumulating { sums.update(repeating: 0, count: rows * columns) }
            return
        }
        let (firstValue, firstGradient) = (max(0, offset) * sliceTiles, max(0, -offset) * sliceTiles)
        PanelProduct(
            rows: rows, width: columns, result: sums, resultStride: columns, start: accumulating ? .result : .zero
        ).multiply(
            .init(
                left: values + firstValue * rows, rowStride: 1, stepStride: rows,
                right: gradients + firstGradient * columns, steps: steps))
    }

    /// The tiles' rows in groups of slices that have the same neighbours, and the neighbours' offsets.
    func sliceRanges(sliceTiles: Int, tiles: Int) -> [(rows: Range<Int>, offsets: [Int])] {
        guard convolution.taps == 3, tiles > sliceTiles else { return [(0..<tiles, [0])] }
        let last = tiles - sliceTiles
        let ends = [(0..<sliceTiles, [0, 1]), (last..<tiles, [-1, 0])]
        return last > sliceTiles ? [ends[0], (sliceTiles..<last, [-1, 0, 1]), ends[1]] : ends
    }
}
