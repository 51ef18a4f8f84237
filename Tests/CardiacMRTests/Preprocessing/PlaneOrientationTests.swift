import CardiacMR
import Testing

@Suite("Orientation of slices")
struct PlaneOrientationTests {
    /// A double oblique short-axis plane whose columns run to the left and the back, and whose rows run down.
    private static let oblique = Grid(
        size: [9, 6, 3], spacing: [1.5, 2, 8],
        affine: Affine(
            x: SIMD3(-0.81, -0.55, 0.2) * 1.5, y: SIMD3(0.2, -0.57, -0.8) * 2, z: SIMD3(0.55, -0.6, 0.58) * 8,
            origin: [40, 30, 20]))
    private static let settings = PreprocessingSettings(
        orientation: .canonical, spacing: 1.2, height: 8, width: 10, depth: 3)

    /// A grid with its columns and rows stored otherwise, and for each of its voxels the one of `grid` at the same place.
    private static func stored(
        _ grid: Grid, transposed: Bool, columns: Bool, rows: Bool
    ) -> (grid: Grid, sources: [Int]) {
        var other = grid
        if transposed {
            other.size = [grid.size.y, grid.size.x, grid.size.z]
            other.spacing = [grid.spacing.y, grid.spacing.x, grid.spacing.z]
            other.affine.x = grid.affine.y
            other.affine.y = grid.affine.x
        }
        let (right, down) = (other.affine.x, other.affine.y)
        if columns {
            other.affine.origin += right * Double(other.size.x - 1)
            other.affine.x = -right
        }
        if rows {
            other.affine.origin += down * Double(other.size.y - 1)
            other.affine.y = -down
        }
        let sources = (0..<grid.count).map { index in
            var voxel = other.voxel(at: index)
            if columns { voxel.x = other.size.x - 1 - voxel.x }
            if rows { voxel.y = other.size.y - 1 - voxel.y }
            if transposed { (voxel.x, voxel.y) = (voxel.y, voxel.x) }
            return (voxel.z * grid.size.y + voxel.y) * grid.size.x + voxel.x
        }
        return (other, sources)
    }

    private static func sample(
        _ grid: Grid, _ image: [Float], _ labels: [UInt8], _ settings: PreprocessingSettings = settings
    ) throws -> Sample {
        try Preprocessing(settings).sample(
            of: Volume(grid: grid, voxels: image), labels: labels, classes: 4, center: "a", subject: "s",
            path: "example")
    }

    @Test(
        "an image gives the same sample however its plane is stored, and a segmentation goes back voxel for voxel",
        arguments: [false, true], [0, 1, 2, 3])
    func allOrders(_ transposed: Bool, _ flips: Int) throws {
        let (image, labels) = Examples.heart(Self.oblique)
        let wanted = try Self.sample(Self.oblique, image.voxels, labels.labels)
        let (grid, sources) = Self.stored(
            Self.oblique, transposed: transposed, columns: flips & 1 == 1, rows: flips & 2 == 2)
        let found = try Self.sample(grid, sources.map { image.voxels[$0] }, sources.map { labels.labels[$0] })
        #expect(found.image == wanted.image)
        #expect(found.labels == wanted.labels)
        #expect(found.spacing == wanted.spacing)

        let restored = wanted.geometry.restore(labels: try #require(wanted.labels))
        let turned = found.geometry.restore(labels: try #require(found.labels))
        #expect(turned.grid == grid)
        #expect(turned.labels == sources.map { restored.labels[$0] })
    }

    @Test("what is stored canonically is taken as it is", arguments: [nil, 1.2])
    func canonical(_ spacing: Double?) throws {
        let (image, labels) = Examples.heart(Self.oblique)
        var (canonical, stored) = (Self.settings, Self.settings)
        (canonical.spacing, stored.spacing, stored.orientation) = (spacing, spacing, .stored)
        let samples = try [canonical, stored].map {
            try Self.sample(Self.oblique, image.voxels, labels.labels, $0)
        }
        #expect(samples[0].image == samples[1].image)
    }

    @Test(
        "axial, coronal and sagittal planes are brought to the usual display",
        arguments: [
            // Right, anterior and superior; the pixel in the corner that is to come first.
            (SIMD3<Double>(1, 0, 0), SIMD3<Double>(0, 1, 0), [3, 2, 1, 0]),
            (SIMD3<Double>(-1, 0, 0), SIMD3<Double>(0, -1, 0), [0, 1, 2, 3]),
            (SIMD3<Double>(0, 1, 0), SIMD3<Double>(1, 0, 0), [3, 1, 2, 0]),
            (SIMD3<Double>(1, 0, 0), SIMD3<Double>(0, 0, 1), [3, 2, 1, 0]),
            (SIMD3<Double>(0, 1, 0), SIMD3<Double>(0, 0, 1), [3, 2, 1, 0]),
            (SIMD3<Double>(0, 0, -1), SIMD3<Double>(0, -1, 0), [0, 2, 1, 3]),
        ])
    func planes(_ x: SIMD3<Double>, _ y: SIMD3<Double>, _ wanted: [Float]) throws {
        let normal = SIMD3<Double>(1, 1, 1) - (x * x) - (y * y)
        let grid = Grid(
            size: [2, 2, 1], spacing: [1, 1, 1], affine: Affine(x: x, y: y, z: normal, origin: .zero))
        let settings = PreprocessingSettings(
            orientation: .canonical, spacing: nil, height: nil, width: nil, clipPercentile: nil, normalizes: false)
        #expect(try Self.sample(grid, [0, 1, 2, 3], [0, 0, 0, 0], settings).image == wanted)
    }

    @Test("an image whose header does not tell where it is stays as stored")
    func unplaced() throws {
        var grid = Examples.grid(4, 3, 2)
        grid.isPlaced = false
        let settings = PreprocessingSettings(
            orientation: .canonical, spacing: nil, height: nil, width: nil, clipPercentile: nil, normalizes: false)
        let image = Examples.heart(grid).image
        #expect(try Self.sample(grid, image.voxels, [UInt8](repeating: 0, count: 24), settings).image == image.voxels)
    }
}
