import CardiacMR
import Foundation
import Testing

@Suite("Preprocessing")
struct PreprocessingTests {
    private static let off = PreprocessingSettings(
        spacing: nil, height: nil, width: nil, depth: nil, clipPercentile: nil, normalizes: false)

    @Test("with every step off, a sample is the image", arguments: [(7, 5, 3), (8, 6, 1), (1, 1, 1)])
    func identity(_ x: Int, _ y: Int, _ z: Int) throws {
        let grid = Examples.grid(x, y, z)
        let heart = Examples.heart(grid)
        let sample = try Examples.sample(grid, Self.off)
        #expect(sample.size == SampleSize(depth: z, height: y, width: x))
        #expect(sample.image == heart.image.voxels)
        #expect(sample.labels == heart.labels.labels)
        #expect(sample.spacing == grid.spacing)
    }

    @Test("resampling to the spacing that an image has changes nothing")
    func sameSpacing() throws {
        var settings = Self.off
        settings.spacing = 1.25
        let grid = Examples.grid(31, 20, 3)
        let sample = try Examples.sample(grid, settings)
        #expect(sample.image == Examples.heart(grid).image.voxels)
    }

    @Test("crop and pad keep the center", arguments: [(4, 4), (3, 5), (9, 8), (12, 11), (6, 20), (1, 1)])
    func cropAndPad(_ height: Int, _ width: Int) throws {
        var settings = Self.off
        settings.height = height
        settings.width = width
        for (x, y) in [(7, 5), (8, 6), (7, 6)] {
            let grid = Examples.grid(x, y, 2)
            let sample = try Examples.sample(grid, settings)
            #expect(sample.size == SampleSize(depth: 2, height: height, width: width))
            let (image, labels) = Examples.heart(grid)
            let left = Int((Double(x - width) / 2).rounded(.down))
            let top = Int((Double(y - height) / 2).rounded(.down))
            var inside: [Float] = []
            for (index, value) in sample.image.enumerated() {
                let (column, row, slice) = (
                    index % width + left, index / width % height + top, index / (width * height)
                )
                guard (0..<x).contains(column), (0..<y).contains(row) else {
                    #expect(sample.labels?[index] == 0)
                    continue
                }
                let native = (slice * y + row) * x + column
                #expect(value == image.voxels[native])
                #expect(sample.labels?[index] == labels.labels[native])
                inside.append(value)
            }
            // Padding is the smallest value: air.
            #expect(sample.image.min() == inside.min())
        }
    }

    @Test("a smooth image is resampled to what it is between its pixels", arguments: [0.8, 1.1, 1.25, 1.9, 2.6])
    func smooth(_ spacing: Double) throws {
        var settings = Self.off
        settings.spacing = 1.25
        let grid = Examples.grid(90, 70, 1, spacing: [spacing, spacing, 8])
        func value(_ x: Double, _ y: Double) -> Double { sin(x / 14) * cos(y / 17) + 0.01 * x }
        let voxels = (0..<grid.count).map { index -> Float in
            let voxel = grid.voxel(at: index)
            return Float(value((Double(voxel.x) - 44.5) * spacing, (Double(voxel.y) - 34.5) * spacing))
        }
        let sample = try Preprocessing(settings).sample(
            of: Volume(grid: grid, voxels: voxels), labels: nil, classes: 4, center: "a", subject: "s", path: "p")
        #expect(abs(sample.size.width - Int(90 * spacing / 1.25)) <= 1)
        #expect(sample.spacing == [1.25, 1.25, 8])
        for row in 4..<sample.size.height - 4 {
            for column in 4..<sample.size.width - 4 {
                let x = (Double(column) - Double(sample.size.width - 1) / 2) * 1.25
                let y = (Double(row) - Double(sample.size.height - 1) / 2) * 1.25
                #expect(abs(Double(sample.image[row * sample.size.width + column]) - value(x, y)) < 5e-3)
            }
        }
    }

    @Test("clip and z-score: mean 0 and deviation 1 over the image's voxels, however much is padded")
    func normalization() throws {
        let grid = Examples.grid(40, 30, 4)
        var settings = Self.off
        settings.clipPercentile = 90
        settings.normalizes = true
        let plain = try Examples.sample(grid, settings)
        let values = plain.image.map(Double.init)
        #expect(abs(mean(values)) < 1e-5)
        #expect(abs(deviation(values) - 1) < 1e-5)
        let most = try #require(plain.image.max())
        #expect((100...140).contains(plain.image.count { $0 > most - 1e-4 } * 1000 / plain.image.count))
        settings.height = 50
        settings.width = 64
        settings.depth = 7
        let padded = try Examples.sample(grid, settings)
        #expect(padded.image.max() == plain.image.max())
        #expect(padded.image.min() == plain.image.min())
    }

    @Test("a constant image becomes zeros, with a warning")
    func constant() throws {
        let grid = Examples.grid(9, 9, 2)
        let sample = try Preprocessing(PreprocessingSettings(height: 12, width: 8)).sample(
            of: Volume(grid: grid, voxels: [Float](repeating: 1234.567, count: grid.count)), labels: nil, classes: 4,
            center: "a", subject: "s", path: "flat.nii")
        #expect(sample.image.allSatisfy { $0 == 0 })
        #expect(sample.warnings.count == 1 && sample.warnings[0].contains("flat.nii"))
    }

    @Test(
        "labels come back voxel for voxel from cropped, padded and odd-sized samples",
        arguments: [(33, 28, 5), (32, 41, 4), (17, 17, 1)], [(40, 48, Int?.none), (41, 35, 9), (30, 27, 4)])
    func exactRoundTrip(_ native: (Int, Int, Int), _ target: (Int, Int, Int?)) throws {
        var settings = Self.off
        (settings.height, settings.width, settings.depth) = (target.0, target.1, target.2)
        let grid = Examples.grid(native.0, native.1, native.2)
        let truth = Examples.heart(grid).labels
        let sample = try Examples.sample(grid, settings)
        let labels = try #require(sample.labels)
        let restored = sample.geometry.restore(labels: labels)
        let probabilities = labels.flatMap { label -> [Float] in (0..<4).map { $0 == Int(label) ? 0.7 : 0.1 } }
        #expect(sample.geometry.restore(probabilities: probabilities, classes: 4) == restored)
        #expect(restored.grid == grid)
        let lostSlices = max(0, native.2 - (target.2 ?? native.2))
        let (first, last) = (Int(Double(lostSlices) / 2), native.2 - (lostSlices - Int(Double(lostSlices) / 2)))
        let (left, top) = (max(0, (native.0 - target.1) / 2), max(0, (native.1 - target.0) / 2))
        for (index, label) in truth.labels.enumerated() {
            let voxel = grid.voxel(at: index)
            let isCovered =
                (first..<last).contains(voxel.z) && (left..<left + target.1).contains(voxel.x)
                && (top..<top + target.0).contains(voxel.y)
            #expect(restored.labels[index] == (isCovered ? label : 0))
        }
    }

    @Test("resampled labels come back nearly as they were", arguments: [0.7, 0.99, 1.41, 1.9])
    func resampledRoundTrip(_ spacing: Double) throws {
        let settings = PreprocessingSettings(height: nil, width: nil)
        let grid = Examples.grid(121, 90, 3, spacing: [spacing, spacing * 1.1, 8])
        let sample = try Examples.sample(grid, settings)
        let labels = try #require(sample.labels)
        let truth = Examples.heart(grid).labels.labels
        let restored = sample.geometry.restore(labels: labels)
        for dice in Examples.dice(restored.labels, truth) { #expect(dice > (spacing < 1 ? 0.93 : 0.97)) }
        #expect(restored.grid == grid)
    }

    @Test("slices are cropped and padded only where a depth is asked for", arguments: [(5, 3), (3, 5), (4, 1)])
    func depth(_ native: Int, _ depth: Int) throws {
        var settings = Self.off
        settings.depth = depth
        let grid = Examples.grid(6, 5, native)
        let sample = try Examples.sample(grid, settings)
        #expect(sample.size.depth == depth)
        let first = Int((Double(native - depth) / 2).rounded(.down))
        let image = Examples.heart(grid).image.voxels
        for slice in 0..<depth where (0..<native).contains(slice + first) {
            #expect(
                Array(sample.image[slice * 30..<(slice + 1) * 30])
                    == Array(image[(slice + first) * 30..<(slice + first + 1) * 30]))
        }
    }

    @Test(
        "settings out of range are errors that name them",
        arguments: [
            (PreprocessingSettings(spacing: 0), "spacing = 0"), (PreprocessingSettings(spacing: .nan), "spacing = nan"),
            (PreprocessingSettings(height: 0), "height = 0"), (PreprocessingSettings(width: -3), "width = -3"),
            (PreprocessingSettings(depth: 0), "depth = 0"),
            (PreprocessingSettings(clipPercentile: 101), "clipPercentile = 101"),
        ])
    func settingsOutOfRange(_ settings: PreprocessingSettings, _ message: String) {
        expectError(message) { _ = try Preprocessing(settings) }
    }
}
