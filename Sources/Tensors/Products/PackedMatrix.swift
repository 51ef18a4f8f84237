/// The right operand of a large product, copied into ``Panels`` once and then used for all rows of the left one.
struct PackedMatrix {
    /// Rows: the inner dimension of products. Columns: rounded up to a multiple of 4, the new ones zero.
    let panels: Panels
    private let all: [(start: Int, width: Int)]
    private let storage: Tensor

    /// Steps of the inner dimension for which a panel (16 KiB) stays in the first cache while rows pass.
    private static let depth = 128

    /// Packs the matrix [inner × columns].
    init(_ matrix: MatrixProduct.Operand, inner: Int, columns: Int, _ kind: KernelKind) {
        let panels = Panels(rows: inner, columns: (columns + 3) & ~3)
        let all = panels.all
        let storage = Tensor(flat: inner * panels.columns)
        let blocks = (inner + Self.depth - 1) / Self.depth
        Parallel.shared.loop(all.count * blocks, kind) { task in
            let (first, width) = all[task / blocks]
            let start = task % blocks * Self.depth
            let steps = min(Self.depth, inner - start)
            Self.pack(
                matrix.advanced(row: start, column: first), steps: steps, columns: min(width, columns - first),
                into: storage.base + first * inner + start * width, width: width)
        }
        self.panels = panels
        self.all = all
        self.storage = storage
    }

    /// Copies `steps` rows of a matrix to a panel; columns that it lacks become zero.
    static func pack(
        _ matrix: MatrixProduct.Operand, steps: Int, columns: Int, into panel: UnsafeMutablePointer<Float>, width: Int
    ) {
        let (source, stride) = (matrix.pointer, matrix.rowStride)
        if !matrix.transposed, columns == width, columns % 16 == 0 {
            // In place of a call for every few vectors.
            for step in 0..<steps {
                let (from, target) = (source + step &* stride, panel + step &* width)
                for column in Swift.stride(from: 0, to: columns, by: 16) {
                    SIMD16<Float>(from + column).store(target + column)
                }
            }
            return
        }
        for step in 0..<steps {
            let target = panel + step &* width
            if matrix.transposed {
                for column in 0..<columns { target[column] = source[column &* stride &+ step] }
            } else {
                target.update(from: source + step &* stride, count: columns)
            }
            for column in columns..<max(columns, width) { target[column] = 0 }
        }
    }

    /// Groups of panels for tasks: each of about so many columns.
    func groups(columns: Int) -> [Range<Int>] {
        let size = max(1, columns / Panels.width)
        return stride(from: 0, to: all.count, by: size).map { $0..<min(all.count, $0 + size) }
    }

    /// The columns of a group of panels.
    func columns(of group: Range<Int>) -> Range<Int> {
        all[group.lowerBound].start..<all[group.upperBound - 1].start + all[group.upperBound - 1].width
    }

    /// `result[rows × columns] = left[rows × inner] · self`, for some of the panels.
    /// - Parameters:
    ///   - group: indices of panels; nil: all.
    ///   - result: row 0, column 0 of the whole result; its rows have room for the rounded number of columns.
    ///   - bias: a value for each column that the sums begin with.
    func multiply(
        _ left: MatrixProduct.Operand, rows: Int, group: Range<Int>? = nil, into result: UnsafeMutablePointer<Float>,
        rowStride: Int, bias: UnsafePointer<Float>? = nil, accumulating: Bool = false
    ) {
        require(rowStride >= columns(of: group ?? all.indices).count, "rows of \(rowStride) floats for the panels")
        for (first, width) in all[group ?? all.indices] {
            for start in stride(from: 0, to: panels.rows, by: Self.depth) {
                let beginning: PanelProduct.Start =
                    if start > 0 || accumulating { .result } else if let bias { .row(bias + first) } else { .zero }
                PanelProduct(
                    rows: rows, width: width, result: result + first, resultStride: rowStride, start: beginning
                ).multiply(
                    .init(
                        left: left.pointer + start * left.stepStride, rowStride: left.rowDistance,
                        stepStride: left.stepStride, right: storage.base + first * panels.rows + start * width,
                        steps: min(Self.depth, panels.rows - start)))
            }
        }
    }
}
