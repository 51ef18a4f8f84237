/// A convolution by Winograd's F(4×4, 3×3): transform tiles of the input and the weights to 36 frequencies, multiply
/// matrices [tiles × channels]·[channels × channels] at each frequency, transform back.
///
/// A tap in depth is one more product with the neighbour slice's transformed tiles: they are transformed once and used
/// three times. The work is done in chunks of tile rows whose transformed values stay in the cache.
struct WinogradConvolution {
    private let convolution: Convolution

    init(_ convolution: Convolution) { self.convolution = convolution }

    private static let frequencies = WinogradTransform.frequencies
    /// Panels of one task's result, so that wide layers have more tasks than frequencies.
    private static let panelsPerTask = 4

    /// Writes the convolution of `input` to `output`.
    func apply(
        _ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        let grid = TileGrid(input.shape)
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        let transformed = transform(weight)
        for chunk in grid.chunks(floatsPerTile: Self.frequencies * (inputs + outputs)) {
            let tiles = chunk.count * grid.columns * grid.shape.depth
            let values = Panels(rows: tiles, columns: inputs)
            let products = Panels(rows: tiles, columns: outputs)
            TensorPool.shared.withScratch(Self.frequencies * (values.stride + products.stride)) { scratch in
                let results = scratch + Self.frequencies * values.stride
                transformInput(input, grid, chunk, values, into: scratch)
                multiply(scratch, values, transformed, sliceTiles: chunk.count * grid.columns, into: results, products)
                transformOutput(results, products, grid, chunk, bias: bias, into: output)
            }
        }
    }

    /// Writes the gradient of the loss by the weights, given the input and the gradient by the output.
    func weightGradient(_ input: Tensor, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let grid = TileGrid(input.shape)
        let (taps, inputs, outputs) = (convolution.taps, convolution.inputs, convolution.outputs)
        let matrix = Panels(rows: inputs, columns: outputs)
        TensorPool.shared.withScratch(Self.frequencies * taps * matrix.stride) { sums in
            let chunks = grid.chunks(floatsPerTile: Self.frequencies * (inputs + outputs))
            for (index, chunk) in chunks.enumerated() {
                let tiles = chunk.count * grid.columns * grid.shape.depth
                let values = Panels(rows: tiles, columns: inputs)
                let gradients = Panels(rows: tiles, columns: outputs)
                TensorPool.shared.withScratch(Self.frequencies * (values.stride + gradients.stride)) { scratch in
                    let slopes = scratch + Self.frequencies * values.stride
                    transformInput(input, grid, chunk, values, into: scratch)
                    transformGradient(gradient, grid, chunk, gradients, into: slopes)
                    correlate(
                        scratch, values, slopes, gradients, sliceTiles: chunk.count * grid.columns, into: sums, matrix,
                        accumulating: index > 0)
                }
            }
            Parallel.shared.loop(taps * inputs) { task in
                withTileScratch { scratch in
                    WeightGradientTile(
                        weights: weight + (task / inputs * 9 * inputs + task % inputs) * outputs,
                        stride: inputs * outputs,
                        frequencies: TileFrequencies(
                            base: sums + task / inputs * Self.frequencies * matrix.stride, panels: matrix,
                            row: task % inputs), scratch: scratch
                    ).cover(0..<outputs)
                }
            }
        }
    }

    // MARK: Products

    /// The products of all frequencies, each summed over the depth taps.
    private func multiply(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ weights: Tensor, sliceTiles: Int,
        into products: UnsafeMutablePointer<Float>, _ right: Panels
    ) {
        let matrix = Panels(rows: left.columns, columns: right.columns)
        let panels = right.all
        let blocks = (panels.count + Self.panelsPerTask - 1) / Self.panelsPerTask
        let ranges = sliceRanges(sliceTiles: sliceTiles, tiles: left.rows)
        Parallel.shared.loop(Self.frequencies * blocks) { task in
            let frequency = task / blocks
            let source = values + frequency * left.stride
            for panel in panels.dropFirst(task % blocks * Self.panelsPerTask).prefix(Self.panelsPerTask) {
                for range in ranges {
                    let strips = range.offsets.flatMap { offset in
                        let tap = offset + convolution.taps / 2
                        let factor = weights.base + (tap * Self.frequencies + frequency) * matrix.stride
                        return left.all.map { part in
                            PanelProduct.Strip(
                                left: source + part.start * left.rows
                                    + (range.rows.lowerBound + offset * sliceTiles) * part.width,
                                rowStride: part.width, stepStride: 1,
                                right: factor + panel.start * matrix.rows + part.start * panel.width, steps: part.width)
                        }
                    }
                    PanelProduct(
                        strips: strips, rows: range.rows.count, width: panel.width,
                        result: products + frequency * right.stride + panel.start * right.rows
                            + range.rows.lowerBound * panel.width, accumulating: false
                    ).multiply()
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
        let taps = convolution.taps
        let depth = left.rows / sliceTiles
        Parallel.shared.loop(Self.frequencies * taps) { task in
            let frequency = task % Self.frequencies
            let offset = task / Self.frequencies - taps / 2
            let target = sums + task * matrix.stride
            guard abs(offset) < depth else {
                if !accumulating { target.update(repeating: 0, count: matrix.stride) }
                return
            }
            let steps = (depth - abs(offset)) * sliceTiles
            let (firstValue, firstGradient) = (max(0, offset) * sliceTiles, max(0, -offset) * sliceTiles)
            for panel in right.all {
                let slopes = gradients + frequency * right.stride + panel.start * right.rows
                for part in left.all {
                    let source = values + frequency * left.stride + part.start * left.rows
                    PanelProduct(
                        strips: [
                            .init(
                                left: source + firstValue * part.width, rowStride: 1, stepStride: part.width,
                                right: slopes + firstGradient * panel.width, steps: steps)
                        ], rows: part.width, width: panel.width,
                        result: target + panel.start * matrix.rows + part.start * panel.width,
                        accumulating: accumulating
                    ).multiply()
                }
            }
        }
    }

    /// The tiles' rows in groups of slices that have the same neighbours, and the neighbours' offsets.
    private func sliceRanges(sliceTiles: Int, tiles: Int) -> [(rows: Range<Int>, offsets: [Int])] {
        guard convolution.taps == 3, tiles > sliceTiles else { return [(0..<tiles, [0])] }
        let last = tiles - sliceTiles
        let ends = [(0..<sliceTiles, [0, 1]), (last..<tiles, [-1, 0])]
        return last > sliceTiles ? [ends[0], (sliceTiles..<last, [-1, 0, 1]), ends[1]] : ends
    }

    // MARK: Transforms

    /// The weights' frequencies: (depth tap, frequency), each a matrix [inputs × outputs] in panels.
    private func transform(_ weight: UnsafePointer<Float>) -> Tensor {
        let (taps, inputs, outputs) = (convolution.taps, convolution.inputs, convolution.outputs)
        let matrix = Panels(rows: inputs, columns: outputs)
        let result = Tensor(flat: taps * Self.frequencies * matrix.stride)
        let block = max(1, 1024 / outputs)
        let blocks = (inputs + block - 1) / block
        Parallel.shared.loop(taps * blocks) { task in
            let tap = task / blocks
            let first = task % blocks * block
            withTileScratch { scratch in
                for channel in first..<min(inputs, first + block) {
                    WeightTile(
                        weights: weight + (tap * 9 * inputs + channel) * outputs, stride: inputs * outputs,
                        frequencies: TileFrequencies(
                            base: result.base + tap * Self.frequencies * matrix.stride, panels: matrix, row: channel),
                        scratch: scratch
                    ).cover(0..<outputs)
                }
            }
        }
        return result
    }

    private func transformInput(
        _ input: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            InputTile(
                slice: input.slice(slice), height: grid.shape.height, width: grid.shape.width,
                channels: convolution.inputs, top: 4 * row - 1, left: 4 * column - 1,
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.inputs)
        }
    }

    private func transformGradient(
        _ gradient: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            GradientTile(
                slice: gradient.slice(slice), height: grid.shape.height, width: grid.shape.width,
                channels: convolution.outputs, top: 4 * row, left: 4 * column,
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.outputs)
        }
    }

    private func transformOutput(
        _ products: UnsafeMutablePointer<Float>, _ panels: Panels, _ grid: TileGrid, _ chunk: Range<Int>,
        bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            OutputTile(
                slice: output.slice(slice), height: grid.shape.height, width: grid.shape.width,
                channels: convolution.outputs, top: 4 * row, left: 4 * column,
                frequencies: TileFrequencies(base: products, panels: panels, row: tile), scratch: scratch, bias: bias
            ).cover(0..<convolution.outputs)
        }
    }

    /// Calls `body` for the tiles of a chunk, a row of tiles of a slice at a time; `tile` counts within the chunk.
    @inline(__always)
    private func forEachTile(
        _ grid: TileGrid, _ chunk: Range<Int>,
        _ body: (_ slice: Int, _ row: Int, _ column: Int, _ tile: Int, _ scratch: UnsafeMutableRawPointer) -> Void
    ) {
        Parallel.shared.loop(grid.shape.depth * chunk.count) { task in
            withTileScratch { scratch in
                for column in 0..<grid.columns {
                    body(
                        task / chunk.count, chunk.lowerBound + task % chunk.count, column, task * grid.columns + column,
                        scratch)
                }
            }
        }
    }

    /// Runs `body` with room for the 36 vectors of a tile.
    @inline(__always)
    private func withTileScratch(_ body: (UnsafeMutableRawPointer) -> Void) {
        TensorPool.shared.withScratch(Self.frequencies * SIMD16<Float>.scalarCount) {
            body(UnsafeMutableRawPointer($0))
        }
    }
}
