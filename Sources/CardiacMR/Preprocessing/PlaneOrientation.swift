/// How the pixels of an image's slices are turned before anything else, by quarter turns and mirrorings: images of one heart
/// look alike then, whichever way round they are stored. Slices keep their order.
package struct PlaneOrientation: Equatable, Sendable {
    /// Whether rows become columns.
    let isTransposed: Bool
    /// Whether the turned columns, and rows, run against the stored ones.
    let flipsColumns, flipsRows: Bool

    /// As stored.
    static let stored = PlaneOrientation(isTransposed: false, flipsColumns: false, flipsRows: false)

    private init(isTransposed: Bool, flipsColumns: Bool, flipsRows: Bool) {
        (self.isTransposed, self.flipsColumns, self.flipsRows) = (isTransposed, flipsColumns, flipsRows)
    }

    /// What brings a grid to the usual display: columns run to the patient's left, rows down, to the back and the feet; as
    /// stored, where the header does not tell where the grid is.
    ///
    /// Of the eight ways of storing a plane it is the one whose axes agree best with these directions. The secondary parts of
    /// ``left`` and ``down`` decide for planes that one of them stands upright on.
    init(canonicalFor grid: Grid) {
        guard grid.isPlaced else {
            self = .stored
            return
        }
        let (x, y) = (
            grid.affine.x / Affine.length(grid.affine.x), grid.affine.y / Affine.length(grid.affine.y)
        )
        var (best, agreement) = (Self.stored, Self.agreement(x, y))
        for isTransposed in [false, true] {
            for (flipsColumns, flipsRows) in [(false, false), (true, false), (false, true), (true, true)] {
                let (columns, rows) = isTransposed ? (y, x) : (x, y)
                let found = Self.agreement(flipsColumns ? -columns : columns, flipsRows ? -rows : rows)
                // A header's rounding turns nothing.
                guard found > agreement + 1e-4 else { continue }
                agreement = found
                best = PlaneOrientation(isTransposed: isTransposed, flipsColumns: flipsColumns, flipsRows: flipsRows)
            }
        }
        self = best
    }

    /// Of right, anterior and superior.
    private static let left: SIMD3<Double> = [-1, -0.4, 0]
    private static let down: SIMD3<Double> = [0, -0.7, -0.7]

    private static func agreement(_ columns: SIMD3<Double>, _ rows: SIMD3<Double>) -> Double {
        (columns * left).sum() + (rows * down).sum()
    }

    /// The turned grid: every voxel is where it was.
    func turned(_ grid: Grid) -> Grid {
        var turned = grid
        if isTransposed {
            turned.size = [grid.size.y, grid.size.x, grid.size.z]
            turned.spacing = [grid.spacing.y, grid.spacing.x, grid.spacing.z]
            (turned.affine.x, turned.affine.y) = (grid.affine.y, grid.affine.x)
        }
        if flipsColumns {
            turned.affine.origin += turned.affine.x * Double(turned.size.x - 1)
            turned.affine.x = -turned.affine.x
        }
        if flipsRows {
            turned.affine.origin += turned.affine.y * Double(turned.size.y - 1)
            turned.affine.y = -turned.affine.y
        }
        return turned
    }

    /// Values of a stored grid's voxels in the turned grid's order.
    func turned<Value>(_ values: [Value], of grid: Grid) -> [Value] {
        let isFlipped = isTransposed ? [flipsRows, flipsColumns, false] : [flipsColumns, flipsRows, false]
        return AxisOrder(axes: axes, isFlipped: isFlipped).reordered(values, to: turned(grid).size)
    }

    /// Values in the turned grid's order as a stored grid has them.
    func restored<Value>(_ values: [Value], to grid: Grid) -> [Value] {
        AxisOrder(axes: axes, isFlipped: [flipsColumns, flipsRows, false]).reordered(values, to: grid.size)
    }

    /// The axes of the stored and of the turned grid that run along each other: an exchange is its own inverse.
    private var axes: SIMD3<Int> { isTransposed ? [1, 0, 2] : [0, 1, 2] }
}
