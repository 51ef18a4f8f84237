/// The division of every slice of a feature map into tiles of so many outputs in a row and in a column; the last ones may hang over the edge.
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

    /// Groups of tile rows whose transformed values, `floatsPerTile` each, stay in a cache between the phases of a
    /// convolution that reads `weightFloats` transformed weights for every group: in the second level where the weights are
    /// few, in the third where reading them again for each group would cost more. The division depends on the problem
    /// alone.
    func chunks(floatsPerTile: Int, weightFloats: Int) -> [Range<Int>] {
        let perRow = shape.depth * columns * floatsPerTile
        let floats = min(max(4 * weightFloats, Self.smallestChunk), Self.largestChunk)
        let size = max(1, min(rows, floats / perRow))
        let number = (rows + size - 1) / size
        return (0..<number).map { rows * $0 / number..<rows * ($0 + 1) / number }
    }

    private static let smallestChunk = 1 << 18
    private static let largestChunk = 3 << 20
}
