/// A convolution as one matrix product: the neighbourhoods of a block of positions, gathered into rows of
/// `taps · 9 · channels` values, times the weights. Any number of channels; best for few channels or few positions.
struct GatheredConvolution {
    private let convolution: Convolution

    init(_ convolution: Convolution) { self.convolution = convolution }

    /// Floats of one block of gathered rows, at most (about an L2 cache).
    private static let blockFloats = 128 << 10
    /// Output channels of one matrix product.
    private static let columnBlock = 128

    /// Writes the convolution of `input` to `output`.
    func apply(
        _ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        let inner = convolution.taps * 9 * input.shape.channels
        let targets = output.shape.channels
        let rows = max(16, Self.blockFloats / inner)
        let positions = input.shape.positions
        let blocks = (positions + rows - 1) / rows
        guard targets % 4 != 0 else {
            let packed = PackedMatrix(.init(weight, targets), inner: inner, columns: targets, .gathering)
            let groups = packed.groups(columns: Self.columnBlock)
            Parallel.shared.loop(blocks * groups.count, .gathering) { task in
                let first = task / groups.count * rows
                let block = first..<min(positions, first + rows)
                TensorPool.shared.withScratch(rows * inner) { gathered in
                    gather(input, block, taps: 0..<convolution.taps * 9, into: gathered)
                    packed.multiply(
                        .init(gathered, inner), rows: block.count, group: groups[task % groups.count],
                        into: output.base + first * targets, rowStride: targets, bias: bias)
                }
            }
            return
        }
        let columnBlocks = (targets + Self.columnBlock - 1) / Self.columnBlock
        Parallel.shared.loop(blocks * columnBlocks, .gathering) { task in
            let first = task / columnBlocks * rows
            let block = first..<min(positions, first + rows)
            let firstColumn = task % columnBlocks * Self.columnBlock
            let columns = min(targets, firstColumn + Self.columnBlock) - firstColumn
            TensorPool.shared.withScratch(rows * inner) { gathered in
                gather(input, block, taps: 0..<convolution.taps * 9, into: gathered)
                let target = output.base + first * targets + firstColumn
                MatrixProduct.multiply(
                    .init(gathered, inner), .init(weight + firstColumn, targets), rows: block.count, inner: inner,
                    columns: columns, into: target, rowStride: targets)
                guard let bias else { return }
                for row in 0..<block.count {
                    for column in 0..<columns { target[row &* targets &+ column] += bias[firstColumn &+ column] }
                }
            }
        }
    }

    /// Writes the gradient by the weights.
    ///
    /// Small weights are summed in parts, one per group of positions, that are added up in order; large ones are
    /// divided by taps, each summed over all positions.
    func weightGradient(_ input: Tensor, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let inputs = convolution.inputs
        let outputs = convolution.outputs
        let allTaps = convolution.taps * 9
        let positions = input.shape.positions
        let parts = max(1, min((positions + 1023) / 1024, 64, (1 << 20) / convolution.weightCount))
        let groups = parts == 1 ? allTaps : 1
        let taps = allTaps / groups
        let inner = taps * inputs
        let rows = max(16, min(positions, Self.blockFloats / inner))
        let count = convolution.weightCount
        let sums = parts == 1 ? nil : Tensor(.init(depth: 1, height: 1, width: parts, channels: count))
        Parallel.shared.loop(parts * groups, .gathering) { task in
            let part = positions * (task / groups) / parts..<positions * (task / groups + 1) / parts
            let firstTap = task % groups * taps
            let target = (sums.map { $0.base + task * count } ?? weight) + firstTap * inputs * outputs
            TensorPool.shared.withScratch(rows * inner) { gathered in
                for first in stride(from: part.lowerBound, to: part.upperBound, by: rows) {
                    let block = first..<min(part.upperBound, first + rows)
                    gather(input, block, taps: firstTap..<firstTap + taps, into: gathered)
                    MatrixProduct.multiply(
                        .init(gathered, inner, transposed: true), .init(gradient.base + first * outputs, outputs),
                        rows: inner, inner: block.count, columns: outputs, into: target, rowStride: outputs,
                        accumulating: first > part.lowerBound)
                }
            }
        }
        guard let sums else { return }
        weight.update(from: sums.base, count: count)
        for part in 1..<parts {
            let source = sums.base + part * count
            for index in 0..<count { weight[index] += source[index] }
        }
    }

    /// Copies the neighbourhoods of `positions` into rows of `taps.count · channels` values, zero outside the volume.
    private func gather(
        _ input: Tensor, _ positions: Range<Int>, taps: Range<Int>, into rows: UnsafeMutablePointer<Float>
    ) {
        let shape = input.shape
        let channels = shape.channels
        let plane = shape.height &* shape.width
        let before = convolution.taps / 2
        var target = rows
        for position in positions {
            let slice = position / plane
            let y = position % plane / shape.width
            let x = position % shape.width
            for tap in taps {
                let z = slice &+ tap / 9 &- before
                let row = y &+ tap % 9 / 3 &- 1
                let column = x &+ tap % 3 &- 1
                if z >= 0, z < shape.depth, row >= 0, row < shape.height, column >= 0, column < shape.width {
                    let source = input.base + ((z &* shape.height &+ row) &* shape.width &+ column) &* channels
                    if channels == 1 {
                        target.pointee = source.pointee
                    } else {
                        target.update(from: source, count: channels)
                    }
                } else {
                    target.update(repeating: 0, count: channels)
                }
                target += channels
            }
        }
    }
}
