// Products of feature maps, whose many rows are positions, with matrices.

/// values · matrix at every position.
enum RowProduct {
    /// Positions and columns of one task.
    private static let rowBlock = 64
    private static let columnBlock = 256

    /// `result[positions × columns] = values[positions × inner] · matrix[inner × columns]`, all without gaps.
    static func write(
        _ values: UnsafePointer<Float>, _ inner: Int, positions: Int, _ matrix: MatrixProduct.Operand, columns: Int,
        into result: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>? = nil, accumulating: Bool = false
    ) {
        let rowBlocks = (positions + rowBlock - 1) / rowBlock
        guard columns % 4 == 0 else {
            Parallel.shared.loop(rowBlocks, .pointwise) { task in
                let first = task * rowBlock
                let count = min(rowBlock, positions - first)
                let target = result + first * columns
                if let bias { for row in 0..<count { (target + row &* columns).update(from: bias, count: columns) } }
                MatrixProduct.multiply(
                    .init(values + first * inner, inner), matrix, rows: count, inner: inner, columns: columns,
                    into: target, rowStride: columns, accumulating: accumulating || bias != nil)
            }
            return
        }
        let packed = PackedMatrix(matrix, inner: inner, columns: columns, .pointwise)
        let groups = packed.groups(columns: columnBlock)
        Parallel.shared.loop(rowBlocks * groups.count, .pointwise) { task in
            let first = task / groups.count * rowBlock
            packed.multiply(
                .init(values + first * inner, inner), rows: min(rowBlock, positions - first),
                group: groups[task % groups.count], into: result + first * columns, rowStride: columns, bias: bias,
                accumulating: accumulating)
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
        _ left: UnsafePointer<Float>, _ leftChannels: Int, _ right: UnsafePointer<Float>, _ rightChannels: Int,
        positions: Int, into result: UnsafeMutablePointer<Float>
    ) {
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
                    .init(left + first * leftChannels + row, leftChannels),
                    rows: min(rowBlock, leftChannels - row),
                    .init(right + first * rightChannels + column, rightChannels),
                    columns: min(columnBlock, rightChannels - column),
                    positions: positions * (part + 1) / parts - first,
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
        _ left: MatrixProduct.Operand, rows: Int, _ right: MatrixProduct.Operand, columns: Int, positions: Int,
        into result: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        guard columns % 4 == 0 else {
            let transposed = MatrixProduct.Operand(left.pointer, left.rowStride, transposed: true)
            return MatrixProduct.multiply(
                transposed, right, rows: rows, inner: positions, columns: columns, into: result, rowStride: rowStride)
        }
        let panels = Panels(rows: depth, columns: columns).all
        TensorPool.shared.withScratch(depth * (rowBlock + Panels.width)) { scratch in
            let panel = scratch + depth * rowBlock
            for first in stride(from: 0, to: positions, by: depth) {
                let steps = min(depth, positions - first)
                // Values of a position are side by side; the next position's may be pages away.
                PackedMatrix.pack(
                    left.advanced(row: first, column: 0), steps: steps, columns: rows, into: scratch, width: rows)
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
