/// What transforms weights and tiles to frequencies and back, many at a time.
extension WinogradConvolution {
    /// Tiles that one task transforms, of one row.
    private static var tilesPerTask: Int { 8 }

    /// The frequencies of the weights: (depth tap, frequency), each a matrix [inputs × outputs] in panels.
    func transform(_ weight: UnsafePointer<Float>) -> Tensor {
        let (taps, inputs, outputs) = (convolution.taps, convolution.inputs, convolution.outputs)
        let matrix = Panels(rows: inputs, columns: outputs)
        let result = Tensor(flat: taps * Self.frequencies * matrix.stride)
        let block = max(1, 1024 / outputs)
        let blocks = (inputs + block - 1) / block
        Parallel.shared.loop(taps * blocks, .weights) { task in
            let tap = task / blocks
            let first = task % blocks * block
            withTileScratch { scratch in
                for channel in first..<min(inputs, first + block) {
                    WeightTile<Transform>(
                        weights: weight + (tap * 9 * inputs + channel) * outputs, stride: inputs * outputs,
                        rows: 0..<Transform.size,
                        frequencies: TileFrequencies(
                            base: result.base + tap * Self.frequencies * matrix.stride, panels: matrix, row: channel),
                        scratch: scratch
                    ).cover(0..<outputs)
                }
            }
        }
        return result
    }

    /// Writes the weights' gradients.
    func transformBack(
        _ sums: UnsafeMutablePointer<Float>, _ matrix: Panels, into weight: UnsafeMutablePointer<Float>
    ) {
        let inputs = convolution.inputs
        Parallel.shared.loop(convolution.taps * inputs, .weights) { task in
            transformBack(
                sums, matrix, depthTap: task / inputs, row: task % inputs, firstChannel: 0, firstColumn: 0,
                into: weight)
        }
    }

    /// Writes the gradients of one depth tap's weights from one input channel to some outputs.
    /// - Parameters:
    ///   - sums: the frequencies' gradients: (depth tap, frequency), each a `matrix`.
    ///   - row: of the matrix.
    ///   - firstChannel: input of the matrix's first row.
    ///   - firstColumn: output of its first column.
    func transformBack(
        _ sums: UnsafeMutablePointer<Float>, _ matrix: Panels, depthTap: Int, row: Int, firstChannel: Int,
        firstColumn: Int, into weight: UnsafeMutablePointer<Float>
    ) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        withTileScratch { scratch in
            WeightGradientTile<Transform>(
                weights: weight + ((depthTap * 9 * inputs + firstChannel + row) * outputs + firstColumn),
                stride: inputs * outputs,
                frequencies: TileFrequencies(
                    base: sums + depthTap * Self.frequencies * matrix.stride, panels: matrix, row: row),
                scratch: scratch
            ).cover(0..<matrix.columns)
        }
    }

    func transformInput(
        _ input: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            InputTile<Transform>(
                tile: Tile(
                    slice: input.slice(slice), shape: input.shape, top: Transform.outputs * row - 1,
                    left: Transform.outputs * column - 1),
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.inputs)
        }
    }

    func transformGradient(
        _ gradient: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, _ panels: Panels,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            GradientTile<Transform>(
                tile: Tile(
                    slice: gradient.slice(slice), shape: gradient.shape, top: Transform.outputs * row,
                    left: Transform.outputs * column),
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.outputs)
        }
    }

    func transformOutput(
        _ products: UnsafeMutablePointer<Float>, _ panels: Panels, _ grid: TileGrid, _ chunk: Range<Int>,
        bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        forEachTile(grid, chunk) { slice, row, column, tile, scratch in
            OutputTile<Transform>(
                tile: Tile(
                    slice: output.slice(slice), shape: output.shape, top: Transform.outputs * row,
                    left: Transform.outputs * column),
                frequencies: TileFrequencies(base: products, panels: panels, row: tile), scratch: scratch, bias: bias
            ).cover(0..<convolution.outputs)
        }
    }

    /// Calls `body` for the tiles of a chunk, a part of a row of tiles of a slice at a time; `tile` counts within the chunk.
    @inline(__always)
    func forEachTile(
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

    /// Runs `body` with room for the vectors of a tile.
    @inline(__always)
    func withTileScratch(_ body: (UnsafeMutableRawPointer) -> Void) {
        TensorPool.shared.withScratch(Self.frequencies * SIMD16<Float>.scalarCount) {
            body(UnsafeMutableRawPointer($0))
        }
    }
}
