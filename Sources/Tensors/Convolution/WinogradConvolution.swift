/// A convolution by Winograd's F(4×4, 3×3): transform tiles of the input and the weights to 36 frequencies, multiply
/// matrices [tiles × channels]·[channels × channels] at each frequency, transform back.
///
/// A tap in depth is one more product with the neighbour slice's transformed tiles: they are transformed once and used
/// three times. The work is done in chunks of tile rows whose transformed values stay in the cache.
struct WinogradConvolution {
    private let convolution: Convolution

    init(_ convolution: Convolution) { self.convolution = convolution }

    private static let frequencies = WinogradTransform.frequencies
    /// Output channels of one matrix product, so that wide layers have more tasks than frequencies.
    private static let columnBlock = 256

    /// Writes the convolution of `input` to `output`; `adjoint` gives the gradient by the input for the one by the output.
    func apply(
        _ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, adjoint: Bool, into output: Tensor
    ) {
        let grid = TileGrid(input.shape)
        let sources = input.shape.channels
        let targets = output.shape.channels
        let transformed = transform(weight, flipped: adjoint)
        let chunks = grid.chunks(floatsPerTile: Self.frequencies * (sources + targets))
        for chunk in chunks {
            let sliceTiles = chunk.count * grid.columns
            let tiles = sliceTiles * grid.shape.depth
            let values = Tensor(.init(depth: Self.frequencies, height: 1, width: tiles, channels: sources))
            let products = Tensor(.init(depth: Self.frequencies, height: 1, width: tiles, channels: targets))
            transformInput(input, grid, chunk, into: values)
            let blocks = (targets + Self.columnBlock - 1) / Self.columnBlock
            Parallel.shared.loop(Self.frequencies * blocks) { task in
                let frequency = task / blocks
                let first = task % blocks * Self.columnBlock
                multiply(
                    values, transformed, frequency: frequency, sliceTiles: sliceTiles, adjoint: adjoint,
                    columns: first..<min(targets, first + Self.columnBlock), into: products)
            }
            transformOutput(products, grid, chunk, bias: bias, into: output)
        }
    }

    /// Writes the gradient of the loss by the weights, given the input and the gradient by the output.
    func weightGradient(_ input: Tensor, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let grid = TileGrid(input.shape)
        let depth = grid.shape.depth
        let inputs = convolution.inputs
        let outputs = convolution.outputs
        let taps = convolution.taps
        let sums = Tensor(.init(depth: Self.frequencies, height: taps, width: inputs, channels: outputs))
        let chunks = grid.chunks(floatsPerTile: Self.frequencies * (inputs + outputs))
        for (index, chunk) in chunks.enumerated() {
            let sliceTiles = chunk.count * grid.columns
            let tiles = sliceTiles * depth
            let values = Tensor(.init(depth: Self.frequencies, height: 1, width: tiles, channels: inputs))
            let gradients = Tensor(.init(depth: Self.frequencies, height: 1, width: tiles, channels: outputs))
            transformInput(input, grid, chunk, into: values)
            transformGradient(gradient, grid, chunk, into: gradients)
            Parallel.shared.loop(Self.frequencies * taps) { task in
                let frequency = task / taps
                let offset = task % taps - taps / 2
                let target = sums.base + task * inputs * outputs
                guard abs(offset) < depth else {
                    target.update(repeating: 0, count: inputs * outputs)
                    return
                }
                let firstInput = max(0, offset) * sliceTiles
                let firstOutput = max(0, -offset) * sliceTiles
                MatrixProduct.multiply(
                    .init(values.base + (frequency * tiles + firstInput) * inputs, inputs, transposed: true),
                    .init(gradients.base + (frequency * tiles + firstOutput) * outputs, outputs),
                    rows: inputs, inner: (depth - abs(offset)) * sliceTiles, columns: outputs,
                    into: target, rowStride: outputs, accumulating: index > 0)
            }
        }
        let plane = taps * inputs * outputs
        Parallel.shared.loop(taps * inputs) { task in
            let tap = task / inputs
            let channel = task % inputs
            withTileScratch { scratch in
                WeightGradientTile(
                    weights: weight + (tap * 9 * inputs + channel) * outputs, stride: inputs * outputs,
                    frequencies: sums.base + task * outputs, plane: plane, scratch: scratch
                ).cover(0..<outputs)
            }
        }
    }

    /// The weights' frequencies: (frequency, depth tap, input channel, output channel).
    private func transform(_ weight: UnsafePointer<Float>, flipped: Bool) -> Tensor {
        let inputs = convolution.inputs
        let outputs = convolution.outputs
        let taps = convolution.taps
        let result = Tensor(.init(depth: Self.frequencies, height: taps, width: inputs, channels: outputs))
        let block = max(1, 1024 / outputs)
        let blocks = (inputs + block - 1) / block
        Parallel.shared.loop(taps * blocks) { task in
            let tap = task / blocks
            let first = task % blocks * block
            withTileScratch { scratch in
                for channel in first..<min(inputs, first + block) {
                    WeightTile(
                        weights: weight + (tap * 9 * inputs + channel) * outputs, stride: inputs * outputs,
                        flipped: flipped, frequencies: result.base + (tap * inputs + channel) * outputs,
                        plane: taps * inputs * outputs, scratch: scratch
                    ).cover(0..<outputs)
                }
            }
        }
        return result
    }

    /// Runs `body` with room for the 36 vectors of a tile.
    private func withTileScratch(_ body: (UnsafeMutableRawPointer) -> Void) {
        TensorPool.shared.withScratch(Self.frequencies * SIMD16<Float>.scalarCount) {
            body(UnsafeMutableRawPointer($0))
        }
    }

    private func transformInput(_ input: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, into values: Tensor) {
        let shape = input.shape
        Parallel.shared.loop(shape.depth * chunk.count) { task in
            let slice = task / chunk.count
            let row = chunk.lowerBound + task % chunk.count
            withTileScratch { scratch in
                for column in 0..<grid.columns {
                    InputTile(
                        slice: input.base + slice * shape.height * shape.width * shape.channels,
                        height: shape.height, width: shape.width, channels: shape.channels,
                        top: 4 * row - 1, left: 4 * column - 1,
                        frequencies: values.base + (task * grid.columns + column) * shape.channels,
                        plane: values.shape.width * shape.channels, scratch: scratch
                    ).cover(0..<shape.channels)
                }
            }
        }
    }

    private func transformGradient(_ gradient: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, into values: Tensor) {
        let shape = gradient.shape
        Parallel.shared.loop(shape.depth * chunk.count) { task in
            let slice = task / chunk.count
            let row = chunk.lowerBound + task % chunk.count
            withTileScratch { scratch in
                for column in 0..<grid.columns {
                    GradientTile(
                        slice: gradient.base + slice * shape.height * shape.width * shape.channels,
                        height: shape.height, width: shape.width, channels: shape.channels,
                        top: 4 * row, left: 4 * column,
                        frequencies: values.base + (task * grid.columns + column) * shape.channels,
                        plane: values.shape.width * shape.channels, scratch: scratch
                    ).cover(0..<shape.channels)
                }
            }
        }
    }

    private func transformOutput(
        _ products: Tensor, _ grid: TileGrid, _ chunk: Range<Int>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        let shape = output.shape
        Parallel.shared.loop(shape.depth * chunk.count) { task in
            let slice = task / chunk.count
            let row = chunk.lowerBound + task % chunk.count
            withTileScratch { scratch in
                for column in 0..<grid.columns {
                    OutputTile(
                        slice: output.base + slice * shape.height * shape.width * shape.channels,
                        height: shape.height, width: shape.width, channels: shape.channels,
                        top: 4 * row, left: 4 * column,
                        frequencies: products.base + (task * grid.columns + column) * shape.channels,
                        plane: products.shape.width * shape.channels, scratch: scratch, bias: bias
                    ).cover(0..<shape.channels)
                }
            }
        }
    }

    /// The products of one frequency, summed over the depth taps; the centre tap, which covers every slice, comes first.
    private func multiply(
        _ values: Tensor, _ weights: Tensor, frequency: Int, sliceTiles: Int, adjoint: Bool, columns: Range<Int>,
        into products: Tensor
    ) {
        let taps = convolution.taps
        let tiles = values.shape.width
        let depth = tiles / sliceTiles
        let sources = values.shape.channels
        let targets = products.shape.channels
        for tap in taps == 1 ? [0] : [1, 0, 2] {
            let offset = adjoint ? taps / 2 - tap : tap - taps / 2
            guard abs(offset) < depth else { continue }
            let matrix = weights.base + (frequency * taps + tap) * convolution.inputs * convolution.outputs
            let right: MatrixProduct.Operand =
                adjoint
                ? .init(matrix + columns.lowerBound * convolution.outputs, convolution.outputs, transposed: true)
                : .init(matrix + columns.lowerBound, convolution.outputs)
            MatrixProduct.multiply(
                .init(values.base + (frequency * tiles + max(0, offset) * sliceTiles) * sources, sources), right,
                rows: (depth - abs(offset)) * sliceTiles, inner: sources, columns: columns.count,
                into: products.base + (frequency * tiles + max(0, -offset) * sliceTiles) * targets + columns.lowerBound,
                rowStride: targets, accumulating: offset != 0)
        }
    }
}
