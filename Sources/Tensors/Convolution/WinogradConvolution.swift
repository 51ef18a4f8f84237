/// A convolution by Winograd's F(4×4, 3×3): transform tiles of the input and the weights to 36 frequencies, multiply
/// matrices [tiles × channels]·[channels × channels] at each frequency, transform back.
///
/// A tap in depth is one more product with the neighbour slice's transformed tiles: they are transformed once and used
/// three times. The work is done in chunks of tile rows whose transformed values stay in the cache.
struct WinogradConvolution {
    private let convolution: Convolution

    init(_ convolution: Convolution) { self.convolution = convolution }

    private static let frequencies = WinogradTransform.frequencies
    /// Tiles that one task transforms, of one row.
    private static let tilesPerTask = 8
    /// Panels of one task's result, so that wide layers have more tasks than frequencies.
    private static let panelsPerTask = 2
    /// Floats of the transformed weights that exist at once, where they can be divided.
    private static let weightFloats = 4 << 20

    /// Writes the convolution of `input` to `output`.
    func apply(
        _ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        let plan = Plan(convolution, input.shape)
        TensorPool.shared.withScratch(Self.frequencies * plan.largestValues.stride) { values in
            for (group, columns) in plan.groups.enumerated() {
                let weights = transform(weight, columns)
                for chunk in plan.chunks {
                    let left = plan.panels(chunk, columns: convolution.inputs)
                    if group == 0 || plan.chunks.count > 1 {
                        transformInput(input, plan.grid, chunk, left, into: values)
                    }
                    let right = plan.panels(chunk, columns: columns.count)
                    TensorPool.shared.withScratch(Self.frequencies * right.stride) { products in
                        multiply(
                            values, left, weights, sliceTiles: chunk.count * plan.grid.columns, into: products, right)
                        transformOutput(products, right, plan.grid, chunk, columns, bias: bias, into: output)
                    }
                }
            }
        }
    }

    /// Writes the gradient of the loss by the weights, given the input and the gradient by the output.
    func weightGradient(_ input: Tensor, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let plan = Plan(convolution, input.shape)
        TensorPool.shared.withScratch(Self.frequencies * plan.largestValues.stride) { values in
            for (group, columns) in plan.groups.enumerated() {
                let matrix = Panels(rows: convolution.inputs, columns: columns.count)
                TensorPool.shared.withScratch(Self.frequencies * convolution.taps * matrix.stride) { sums in
                    for (index, chunk) in plan.chunks.enumerated() {
                        let left = plan.panels(chunk, columns: convolution.inputs)
                        if group == 0 || plan.chunks.count > 1 {
                            transformInput(input, plan.grid, chunk, left, into: values)
                        }
                        let right = plan.panels(chunk, columns: columns.count)
                        TensorPool.shared.withScratch(Self.frequencies * right.stride) { slopes in
                            transformGradient(gradient, plan.grid, chunk, columns, right, into: slopes)
                            correlate(
                                values, left, slopes, right, sliceTiles: chunk.count * plan.grid.columns, into: sums,
                                matrix, accumulating: index > 0)
                        }
                    }
                    transformBack(sums, matrix, columns, into: weight)
                }
            }
        }
    }

    /// How the work is divided: by tile rows, so that transformed values stay in the cache, or, where these are few and
    /// the weights many, by output channels, so that transformed weights do.
    private struct Plan {
        let grid: TileGrid
        let chunks: [Range<Int>]
        let groups: [Range<Int>]
        private let inputs: Int

        init(_ convolution: Convolution, _ shape: Shape) {
            grid = TileGrid(shape)
            inputs = convolution.inputs
            let outputs = convolution.outputs
            chunks = grid.chunks(
                floatsPerTile: frequencies * (inputs + outputs),
                weightFloats: frequencies * convolution.taps * inputs * outputs)
            let perPanel = frequencies * convolution.taps * inputs * Panels.width
            let size = chunks.count > 1 ? outputs : max(1, weightFloats / perPanel) * Panels.width
            groups = stride(from: 0, to: outputs, by: size).map { $0..<min(outputs, $0 + size) }
        }

        /// The matrices of a chunk's tiles.
        func panels(_ chunk: Range<Int>, columns: Int) -> Panels {
            Panels(rows: chunk.count * grid.columns * grid.shape.depth, columns: columns)
        }

        var largestValues: Panels {
            panels(0..<(chunks.map(\.count).max() ?? 0), columns: inputs)
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
        let parts = left.all
        let blocks = (panels.count + Self.panelsPerTask - 1) / Self.panelsPerTask
        let ranges = sliceRanges(sliceTiles: sliceTiles, tiles: left.rows)
        Parallel.shared.loop(Self.frequencies * blocks, .products) { task in
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
        let taps = convolution.taps
        let depth = left.rows / sliceTiles
        let (panels, parts) = (right.all, left.all)
        Parallel.shared.loop(Self.frequencies * taps, .products) { task in
            let frequency = task % Self.frequencies
            let offset = task / Self.frequencies - taps / 2
            let target = sums + task * matrix.stride
            guard abs(offset) < depth else {
                if !accumulating { target.update(repeating: 0, count: matrix.stride) }
                return
            }
            let steps = (depth - abs(offset)) * sliceTiles
            let (firstValue, firstGradient) = (max(0, offset) * sliceTiles, max(0, -offset) * sliceTiles)
            for panel in panels {
                let slopes = gradients + frequency * right.stride + panel.start * right.rows
                for part in parts {
                    let source = values + frequency * left.stride + part.start * left.rows
                    PanelProduct(
                        rows: part.width, width: panel.width,
                        result: target + panel.start * matrix.rows + part.start * panel.width,
                        resultStride: panel.width, start: accumulating ? .result : .zero
                    ).multiply(
                        .init(
                            left: source + firstValue * part.width, rowStride: 1, stepStride: part.width,
                            right: slopes + firstGradient * panel.width, steps: steps))
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

    /// The frequencies of the weights of some output channels: (depth tap, frequency), each a matrix
    /// [inputs × channels] in panels.
    private func transform(_ weight: UnsafePointer<Float>, _ columns: Range<Int>) -> Tensor {
        let (taps, inputs, outputs) = (convolution.taps, convolution.inputs, convolution.outputs)
        let matrix = Panels(rows: inputs, columns: columns.count)
        let result = Tensor(flat: taps * Self.frequencies * matrix.stride)
        let block = max(1, 1024 / columns.count)
        let blocks = (inputs + block - 1) / block
        Parallel.shared.loop(taps * blocks, .weights) { task in
            let tap = task / blocks
            let first = task % blocks * block
            withTileScratch { scratch in
                for channel in first..<min(inputs, first + block) {
                    WeightTile(
                        weights: weight + ((tap * 9 * inputs + channel) * outputs + columns.lowerBound),
                        stride: inputs * outputs,
                        frequencies: TileFrequencies(
                            base: result.base + tap * Self.frequencies * matrix.stride, panels: matrix, row: channel),
                        scratch: scratch
                    ).cover(0..<columns.count)
                }
            }
        }
        return result
    }

    /// Writes the weights' gradients of some output channels.
    private func transformBack(
        _ sums: UnsafeMutablePointer<Float>, _ matrix: Panels, _ columns: Range<Int>,
        into weight: UnsafeMutablePointer<Float>
    ) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        Parallel.shared.loop(convolution.taps * inputs, .weights) { task in
            let (tap, channel) = (task / inputs, task % inputs)
            withTileScratch { scratch in
                WeightGradientTile(
                    weights: weight + ((tap * 9 * inputs + channel) * outputs + columns.lowerBound),
                    stride: inputs * outputs,
                    frequencies: TileFrequencies(
                        base: sums + tap * Self.frequencies * matrix.stride, panels: matrix, row: channel),
                    scratch: scratch
                ).cover(0..<columns.count)
            }
        }
    }

    private func transformInput(
        _ input: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            InputTile(
                tile: Tile(slice: input.slice(slice), shape: input.shape, top: 4 * row - 1, left: 4 * column - 1),
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.inputs)
        }
    }

    private func transformGradient(
        _ gradient: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ columns: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            GradientTile(
                tile: Tile(
                    slice: gradient.slice(slice) + columns.lowerBound, shape: gradient.shape, top: 4 * row,
                    left: 4 * column),
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<columns.count)
        }
    }

    private func transformOutput(
        _ products: UnsafeMutablePointer<Float>, _ panels: Panels, _ grid: TileGrid, _ chunk: Range<Int>,
        _ columns: Range<Int>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            OutputTile(
                tile: Tile(
                    slice: output.slice(slice) + columns.lowerBound, shape: output.shape, top: 4 * row,
                    left: 4 * column),
                frequencies: TileFrequencies(base: products, panels: panels, row: tile), scratch: scratch,
                bias: bias.map { $0 + columns.lowerBound }
            ).cover(0..<columns.count)
        }
    }

    /// Calls `body` for the tiles of a chunk, a part of a row of tiles of a slice at a time; `tile` counts within the chunk.
    @inline(__always)
    private func forEachTile(
        _ grid: TileGrid, _ chunk: Range<Int>,
        _ body: (_ slice: Int, _ row: Int, _ column: Int, _ tile: Int, _ scratch: UnsafeMutableRawPointer) -> Void
    ) {
        let blocks = (grid.columns + Self.tilesPerTask - 1) / Self.tilesPerTask
        Parallel.shared.loop(grid.shape.depth * chunk.count * blocks, .tiles) { task in
            let row = task / blocks
            let first = task % blocks * Self.tilesPerTask
            withTileScratch { scratch in
                for column in first..<min(grid.columns, first + Self.tilesPerTask) {
                    body(
                        row / chunk.count, chunk.lowerBound + row % chunk.count, column, row * grid.columns + column,
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
