/// Neighbouring tiles: those of some rows and columns of tiles in some slices, counted slice by slice and row by row.
struct TileBlock {
    let slices: Range<Int>
    let rows: Range<Int>
    let columns: Range<Int>

    /// Tiles of a slice.
    var sliceTiles: Int { rows.count * columns.count }
    /// Tiles of all slices.
    var count: Int { slices.count * sliceTiles }
}

/// The division of every slice of a feature map into tiles of so many outputs in a row and in a column; the last ones may hang
/// over the edge.
struct TileGrid {
    let shape: Shape
    /// Rows of tiles in a slice.
    let rows: Int
    /// Tiles in a row.
    let columns: Int

    init(_ shape: Shape, outputs: Int) {
        self.shape = shape
        rows = (shape.height + outputs - 1) / outputs
        columns = (shape.width + outputs - 1) / outputs
    }

    /// Tiles of all slices.
    var count: Int { shape.depth * rows * columns }

    /// The tiles of some rows.
    func block(rows: Range<Int>) -> TileBlock {
        TileBlock(slices: 0..<shape.depth, rows: rows, columns: 0..<columns)
    }

    /// Blocks of about so many tiles: parts of a row in all slices, or, of slices that do not need each other, of a slice's
    /// rows.
    func blocks(tiles: Int, joiningSlices: Bool) -> [TileBlock] {
        let slices = joiningSlices ? [0..<shape.depth] : (0..<shape.depth).map { $0..<$0 + 1 }
        let perRow = slices[0].count * columns
        let rowParts = Self.parts(rows, (rows * perRow + tiles - 1) / tiles)
        let columnParts = Self.parts(columns, (perRow + tiles - 1) / tiles)
        return slices.flatMap { slices in
            rowParts.flatMap { rows in columnParts.map { TileBlock(slices: slices, rows: rows, columns: $0) } }
        }
    }

    /// So many parts of nearly the same length, none empty.
    private static func parts(_ length: Int, _ number: Int) -> [Range<Int>] {
        let number = min(length, number)
        return (0..<number).map { length * $0 / number..<length * ($0 + 1) / number }
    }

    /// Groups of tile rows whose transformed values, `floatsPerTile` each, stay in a cache between the phases of a
    /// convolution that reads `weightFloats` transformed weights for every group: in the second level where the weights are
    /// few, in the third where reading them again for each group would cost more. The division depends on the problem
    /// alone.
    func chunks(floatsPerTile: Int, weightFloats: Int) -> [TileBlock] {
        let perRow = shape.depth * columns * floatsPerTile
        let floats = min(max(4 * weightFloats, Self.smallestChunk), Self.largestChunk)
        let size = max(1, min(rows, floats / perRow))
        return Self.parts(rows, (rows + size - 1) / size).map(block(rows:))
    }

    private static let smallestChunk = 1 << 18
    private static let largestChunk = 3 << 20
}
