/// The map from voxel indices (x, y, z) to scanner coordinates in mm (right, anterior, superior): the upper three rows
/// of NIfTI's 4×4 matrix, the fourth being (0, 0, 0, 1).
package struct Affine: Equatable, Sendable {
    /// Scanner coordinates covered by one step along x, y and z, in mm.
    package var x, y, z: SIMD3<Double>
    /// Scanner coordinates of voxel (0, 0, 0), in mm.
    package var origin: SIMD3<Double>

    /// A transform by the steps of the three axes and the first voxel's place, in mm.
    package init(x: SIMD3<Double>, y: SIMD3<Double>, z: SIMD3<Double>, origin: SIMD3<Double>) {
        self.x = x
        self.y = y
        self.z = z
        self.origin = origin
    }

    /// Axes along right, anterior and superior, `spacing` mm apart.
    package init(spacing: SIMD3<Double>) {
        self.init(x: [spacing.x, 0, 0], y: [0, spacing.y, 0], z: [0, 0, spacing.z], origin: .zero)
    }

    /// The affine of NIfTI's "method 2": a rotation as the unit quaternion (a, b, c, d) with a ≥ 0, voxel sizes, and
    /// the handedness `factor` (+1 or −1) of the third axis.
    package init(
        quaternion b: Double, _ c: Double, _ d: Double, factor: Double, spacing: SIMD3<Double>, origin: SIMD3<Double>
    ) {
        var (b, c, d) = (b, c, d)
        let squares = b * b + c * c + d * d
        var a = 0.0
        // The quaternion of a half turn has a = 0, of which float32 in the file leaves a rounding (nibabel's bound).
        if 1 - squares < 3 * 0x1p-23 {
            let scale = 1 / squares.squareRoot()
            (b, c, d) = (b * scale, c * scale, d * scale)
        } else {
            a = (1 - squares).squareRoot()
        }
        let first: SIMD3<Double> = [a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)]
        let second: SIMD3<Double> = [2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)]
        let third: SIMD3<Double> = [2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - b * b - c * c]
        self.init(
            x: first * spacing.x, y: second * spacing.y, z: third * (spacing.z * factor), origin: origin)
    }

    /// Whether every entry is a finite number.
    package var isFinite: Bool {
        [x, y, z, origin].allSatisfy { $0.x.isFinite && $0.y.isFinite && $0.z.isFinite }
    }

    /// Whether it is finite and maps a volume to a volume, not to a plane, a line or a point.
    package var isInvertible: Bool {
        let lengths = columnLengths
        guard isFinite, lengths.min() > 0, lengths.max().isFinite else { return false }
        // The volume that the directions span: 1 for right angles.
        return abs((Self.cross(x / lengths.x, y / lengths.y) * (z / lengths.z)).sum()) > 1e-6
    }

    /// The lengths of the three axes in mm: what the spacing is when a file does not say.
    package var columnLengths: SIMD3<Double> { [Self.length(x), Self.length(y), Self.length(z)] }

    /// Where a voxel (fractional indices allowed) lies in the scanner, in mm.
    package func position(of voxel: SIMD3<Double>) -> SIMD3<Double> {
        origin + x * voxel.x + y * voxel.y + z * voxel.z
    }

    /// The nearest axis code, such as `"LPS"`: for each voxel axis the direction its index grows towards (Left/Right,
    /// Posterior/Anterior, Inferior/Superior). Each letter pair is used once, the best aligned axis choosing first.
    package var orientation: String {
        let columns = [x, y, z]
        var letters = ["?", "?", "?"]
        var usedRows: Set<Int> = []
        var usedColumns: Set<Int> = []
        for _ in 0..<3 {
            var best = (size: -1.0, row: 0, column: 0)
            for column in 0..<3 where !usedColumns.contains(column) {
                let length = max(Self.length(columns[column]), .leastNormalMagnitude)
                for row in 0..<3 where !usedRows.contains(row) {
                    let size = abs(columns[column][row]) / length
                    if size > best.size { best = (size, row, column) }
                }
            }
            usedRows.insert(best.row)
            usedColumns.insert(best.column)
            letters[best.column] =
                [["L", "R"], ["P", "A"], ["I", "S"]][best.row][
                    columns[best.column][best.row] >= 0 ? 1 : 0]
        }
        return letters.joined()
    }

    static func length(_ vector: SIMD3<Double>) -> Double { (vector * vector).sum().squareRoot() }

    static func cross(_ a: SIMD3<Double>, _ b: SIMD3<Double>) -> SIMD3<Double> {
        [a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x]
    }
}
