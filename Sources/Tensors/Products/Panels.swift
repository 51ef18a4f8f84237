/// The layout of Winograd's matrices: columns (channels) in panels of 32, each panel contiguous, row after row. What is
/// left over is a panel of 16, one of 8 and one of 4.
///
/// A product then reads both operands and writes its result in order, whatever their width; transforms write panels
/// directly, so nothing is packed.
struct Panels {
    /// Rows of the matrix.
    let rows: Int
    /// Columns of the matrix, a multiple of 4.
    let columns: Int

    /// Columns of a full panel.
    static let width = 32

    /// Floats from a matrix to the next. Transforms write to 36 or 64 matrices in turn; a line more than whole pages between
    /// them keeps these writes in different sets of the cache.
    var stride: Int { ((rows &* columns &+ 1023) & ~1023) &+ 16 }

    /// Where a vector of columns that begins at `column` is, in row `row`. It is in one panel, as `cover` of `ChannelKernel`
    /// cuts all columns or those of a panel.
    @inline(__always)
    func offset(column: Int, row: Int) -> Int {
        let (start, width) = panel(of: column)
        return start &* rows &+ row &* width &+ (column &- start)
    }

    /// The first column and the width of the panel that holds a column.
    @inline(__always)
    private func panel(of column: Int) -> (start: Int, width: Int) {
        let whole = columns & ~(Self.width &- 1)
        guard column >= whole else { return (column & ~(Self.width &- 1), Self.width) }
        let (after16, after8) = (whole &+ columns & 16, whole &+ columns & 24)
        if column < after16 { return (whole, 16) }
        return column < after8 ? (after16, 8) : (after8, 4)
    }

    /// The first column and the width of each panel.
    var all: [(start: Int, width: Int)] {
        var panels: [(Int, Int)] = []
        var start = 0
        for width in [Self.width, 16, 8, 4] {
            while start + width <= columns {
                panels.append((start, width))
                start += width
            }
        }
        return panels
    }
}
