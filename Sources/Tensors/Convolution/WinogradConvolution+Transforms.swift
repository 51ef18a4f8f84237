/// What transforms weights and tiles to frequencies and back, many at a time.
extension WinogradConvolution {
    /// Tiles that one task transforms, of one row.
    private static var tilesPerTask: Int { 8 }

    /// The frequencies of the weights: (depth tap, frequency), each a matrix [inputs × outputs] in panels.
    func transform(_ weight: UnsafePointer<Float>) -> Tensor {
        let (taps, inputs, outputs) = (convolution.taps, convolution.inputs, convolution.outputs)
        let matrix = Panels(rows: inputs, columns: outputs)
        let result = Tensor(flat: depthFactors * Self.frequencies * matrix.stride)
        let block = max(1, 1024 / outputs)
        let blocks = (inputs + block - 1) / block
        Parallel.shared.loop(taps * blocks, .weights) { task in
            let tap = task / blocks
            let first = task % blocks * block
            withTileScratch { scratch in
                for channel in first..<min(inputs, first + block) {
                    WeightTile<Transform>(
                        weights: weight + (tap * 9 * inputs + channel) * outputs, stride: inputs * outputs,
                        ahead: 2 * outputs,
                        rows: 0..<Transform.size,
                        frequencies: TileFrequencies(
                            base: result.base + tap * Self.frequencies * matrix.stride, panels: matrix, row: channel),
                        scratch: scratch
                    ).cover(0..<outputs)
                }
            }
        }
        if isDeep {
            Parallel.shared.loop(Self.frequencies, .weights) { frequency in
                let run = DepthGroups.Run(
                    base: result.base + frequency * matrix.stride, stride: Self.frequencies * matrix.stride)
                DepthGroups.transformWeights(run, inputs * outputs, into: run)
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
        _ input: FeatureMap, _ block: TileBlock, _ panels: Panels, alone: Bool = false,
        into values: UnsafeMutablePointer<Float>
    ) {
        forEachPart(of: input, panels) { part, first, ranges in
            let normalization = part.reading?.from(channel: first)
            forEachTile(block, alone: alone) { slice, row, column, tile, scratch in
                let kernel = InputTile<Transform>(
                    tile: Tile(
                        plane: part.plane(slice).from(channel: first), top: Transform.outputs * row - 1,
                        left: Transform.outputs * column - 1),
                    normalization: normalization,
                    frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch)
                for range in ranges { kernel.cover(range) }
            }
        }
    }

    func transformGradient(
        _ gradient: Tensor, _ block: TileBlock, _ panels: Panels, into values: UnsafeMutablePointer<Float>
    ) {
        let part = FeatureMap(gradient).parts[0]
        forEachTile(block) { slice, row, column, tile, scratch in
            GradientTile<Transform>(
                tile: Tile(
                    plane: part.plane(slice), top: Transform.outputs * row, left: Transform.outputs * column),
                frequencies: TileFrequencies(base: values, panels: panels, row: tile), scratch: scratch
            ).cover(0..<convolution.outputs)
        }
    }

    func transformOutput(
        _ products: UnsafeMutablePointer<Float>, _ panels: Panels, _ block: TileBlock, alone: Bool = false,
        bias: UnsafePointer<Float>?, into output: FeatureMap
    ) {
        forEachPart(of: output, panels) { part, first, ranges in
            forEachTile(block, alone: alone) { slice, row, column, tile, scratch in
                let kernel = OutputTile<Transform>(
                    tile: Tile(
                        plane: part.plane(slice).from(channel: first), top: Transform.outputs * row,
                        left: Transform.outputs * column),
                    frequencies: TileFrequencies(base: products, panels: panels, row: tile), scratch: scratch,
                    bias: bias)
                for range in ranges { kernel.cover(range) }
            }
        }
    }

    /// Calls `body` with each part of a feature map, its first channel, and its channels as ranges that `cover` can cut into
    /// vectors, of which none is in two panels.
    private func forEachPart(
        of map: FeatureMap, _ panels: Panels,
        _ body: (_ part: FeatureMap.Part, _ first: Int, _ ranges: [Range<Int>]) -> Void
    ) {
        guard map.parts.count > 1 else { return body(map.parts[0], 0, [0..<panels.columns]) }
        var first = 0
        for part in map.parts {
            let channels = first..<first + part.channels
            let ranges = panels.all.map { ($0.start..<$0.start + $0.width).clamped(to: channels) }.filter {
                !$0.isEmpty
            }
            body(part, first, ranges)
            first = channels.upperBound
        }
    }

    /// Calls `body` for the tiles of a block, a part of a row of tiles of a slice at a time; `tile` counts within the block.
    /// - Parameter alone: whether the calling thread does all of them.
    @inline(__always)
    func forEachTile(
        _ block: TileBlock, alone: Bool = false,
        _ body: (_ slice: Int, _ row: Int, _ column: Int, _ tile: Int, _ scratch: UnsafeMutableRawPointer) -> Void
    ) {
        let (rows, columns) = (block.rows.count, block.columns.count)
        let parts = (columns + Self.tilesPerTask - 1) / Self.tilesPerTask
        Parallel.shared.loop(block.slices.count * rows * parts, .tiles, alone: alone) { task in
            let (row, first) = (task / parts, task % parts * Self.tilesPerTask)
            withTileScratch { scratch in
                for column in first..<min(columns, first + Self.tilesPerTask) {
                    body(
                        block.slices.lowerBound + row / rows, block.rows.lowerBound + row % rows,
                        block.columns.lowerBound + column, row * columns + column, scratch)
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
