// Products of feature maps, whose many rows are positions, with matrices.

/// The left operand: a feature map's positions in memory, one after the other, which may be normalized when they are read.
struct PositionValues {
    let positions: Int
    let channels: Int
    private let tensor: Tensor
    private let normalization: FeatureMap.Normalization?

    init(_ map: FeatureMap) {
        positions = map.shape.positions
        channels = map.shape.channels
        let part = map.parts[0]
        if map.parts.count == 1, case .rows = part.arrangement {
            (tensor, normalization) = (part.tensor, part.normalization)
        } else {
            (tensor, normalization) = (map.written(), nil)
        }
    }

    /// Runs `body` with some positions' values as they are read.
    func withRows(_ first: Int, _ count: Int, _ body: (MatrixProduct.Operand) -> Void) {
        let values = tensor.base + first * channels
        guard let reading else { return body(.init(values, channels)) }
        TensorPool.shared.withScratch(count * channels) { scratch in
            NormalizedPositions(
                source: values, sourceStride: channels, target: scratch, targetStride: channels, positions: count,
                normalization: reading
            ).cover(0..<channels)
            body(.init(scratch, channels))
        }
    }

    /// Copies some channels of some positions as they are read, without gaps.
    func pack(_ first: Int, _ count: Int, channels range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let source = tensor.base + (first * channels + range.lowerBound)
        guard let reading else {
            return PackedMatrix.pack(
                .init(source, channels), steps: count, columns: range.count, into: target, width: range.count)
        }
        NormalizedPositions(
            source: source - range.lowerBound, sourceStride: channels, target: target - range.lowerBound,
            targetStride: range.count, positions: count, normalization: reading
        ).cover(range)
    }

    private var reading: ReadNormalization? { normalization?.reading }
}

/// values · matrix at every position.
enum RowProduct {
    /// Positions and columns of one task.
    private static let rowBlock = 64
    private static let columnBlock = 256

    /// `result[positions × columns] = values[positions × inner] · matrix[inner × columns]`, all without gaps.
    static func write(
        _ values: PositionValues, _ matrix: MatrixProduct.Operand, columns: Int,
        into result: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>? = nil, accumulating: Bool = false
    ) {
        let (positions, inner) = (values.positions, values.channels)
        let rowBlocks = (positions + rowBlock - 1) / rowBlock
        guard columns % 4 == 0 else {
            Parallel.shared.loop(rowBlocks, .pointwise) { task in
                let first = task * rowBlock
                let count = min(rowBlock, positions - first)
                let target = result + first * columns
                if let bias { for row in 0..<count { (target + row &* columns).update(from: bias, count: columns) } }
                values.withRows(first, count) { rows in
                    MatrixProduct.multiply(
                        rows, matrix, rows: count, inner: inner, columns: columns, into: target, rowStride: columns,
                        accumulating: accumulating || bias != nil)
                }
            }
            return
        }
        let packed = PackedMatrix(matrix, inner: inner, columns: columns, .pointwise)
        let groups = packed.groups(columns: columnBlock)
        Parallel.shared.loop(rowBlocks * groups.count, .pointwise) { task in
            let first = task / groups.count * rowBlock
            let count = min(rowBlock, positions - first)
            values.withRows(first, count) { rows in
                packed.multiply(
                    rows, rows: count, group: groups[task % groups.count], into: result + first * columns,
                    rowStride: columns, bias: bias, accumulating: accumulating)
            }
        }
    }
}

/// leftᵀ · right, summed over many positions: the gradient of a matrix that is applied at each of them.
enum SummedProduct {
    /// Rows and columns of one task, and positions whose values it packs at a time.
    private static let rowBlock = 64
    private static let columnBlock = 128
    private static let depth = 128

    /// Writes `Σ_p left[p]ᵀ right[p]`, row-major [leftChannels × rightChannels].
    ///
    /// Sums over many positions are divided into parts that are added up in order.
    static func write(
        _ left: PositionValues, _ right: UnsafePointer<Float>, _ rightChannels: Int,
        into result: UnsafeMutablePointer<Float>
    ) {
        let (positions, leftChannels) = (left.positions, left.channels)
        let count = leftChannels * rightChannels
        let parts = max(1, min(positions / 1024, 64, (1 << 20) / count))
        let rowBlocks = (leftChannels + rowBlock - 1) / rowBlock
        let columnBlocks = (rightChannels + columnBlock - 1) / columnBlock
        TensorPool.shared.withScratch(parts * count) { sums in
            let target = parts == 1 ? result : sums
            Parallel.shared.loop(parts * rowBlocks * columnBlocks, .pointwise) { task in
                let part = task / (rowBlocks * columnBlocks)
                let row = task / columnBlocks % rowBlocks * rowBlock
                let column = task % columnBlocks * columnBlock
                let first = positions * part / parts
                write(
                    left, first..<positions * (part + 1) / parts, channels: row..<min(leftChannels, row + rowBlock),
                    .init(right + first * rightChannels + column, rightChannels),
                    columns: min(columnBlock, rightChannels - column),
                    into: target + part * count + row * rightChannels + column, rowStride: rightChannels)
            }
            guard parts > 1 else { return }
            Elementwise.forEachBlock(count, .pointwise) { range in
                for index in range {
                    var sum = sums[index]
                    for part in 1..<parts { sum += sums[part &* count &+ index] }
                    result[index] = sum
                }
            }
        }
    }

    private static func write(
        _ left: PositionValues, _ positions: Range<Int>, channels: Range<Int>, _ right: MatrixProduct.Operand,
        columns: Int, into result: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        let rows = channels.count
        guard columns % 4 == 0 else {
            return left.withRows(positions.lowerBound, positions.count) { values in
                let transposed = MatrixProduct.Operand(
                    values.pointer + channels.lowerBound, values.rowStride, transposed: true)
                MatrixProduct.multiply(
                    transposed, right, rows: rows, inner: positions.count, columns: columns, into: result,
                    rowStride: rowStride)
            }
        }
        let panels = Panels(rows: depth, columns: columns).all
        TensorPool.shared.withScratch(depth * (rowBlock + Panels.width)) { scratch in
            let panel = scratch + depth * rowBlock
            for first in stride(from: 0, to: positions.count, by: depth) {
                let steps = min(depth, positions.count - first)
                // Values of a position are side by side; the next position's may be pages away.
                left.pack(positions.lowerBound + first, steps, channels: channels, into: scratch)
                for (start, width) in panels {
                    PackedMatrix.pack(
                        right.advanced(row: first, column: start), steps: steps, columns: width, into: panel,
                        width: width)
                    PanelProduct(
                        rows: rows, width: width, result: result + start, resultStride: rowStride,
                        start: first > 0 ? .result : .zero
                    ).multiply(.init(left: scratch, rowStride: 1, stepStride: rows, right: panel, steps: steps))
                }
            }
        }
    }
}
