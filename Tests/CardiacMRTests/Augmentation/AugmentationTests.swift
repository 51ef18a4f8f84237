import CardiacMR
import Tensors
import Testing

@Suite("Augmentation")
struct AugmentationTests {
    private static func sample(_ width: Int = 48, _ height: Int = 40) throws -> Sample {
        try Examples.sample(Examples.grid(width, height, 3), PreprocessingSettings(height: height, width: width))
    }

    private static func random(_ step: Int = 0) -> RandomStream { RandomStream(seed: 1, purpose: "augmentation", step) }

    private static func augmented(
        _ sample: Sample, _ step: Int = 0, _ change: (inout AugmentationSettings) -> Void
    ) throws -> Sample {
        var settings = AugmentationSettings.none
        change(&settings)
        var random = random(step)
        return try Augmentation(settings).augment(sample, random: &random)
    }

    /// Turned around in rows, columns or both.
    private static func mirrored<Value>(_ values: [Value], _ size: SampleSize, rows: Bool, columns: Bool) -> [Value] {
        values.indices.map { index in
            let (column, row) = (index % size.width, index / size.width % size.height)
            let slice = index / (size.width * size.height)
            let (y, x) = (rows ? size.height - 1 - row : row, columns ? size.width - 1 - column : column)
            return values[(slice * size.height + y) * size.width + x]
        }
    }

    @Test("with all probabilities 0, nothing changes")
    func none() throws {
        let sample = try Self.sample()
        let result = try Self.augmented(sample) { _ in }
        #expect(result == sample)
    }

    @Test("the same stream gives the same sample, another one another")
    func determinism() throws {
        let sample = try Self.sample()
        let all = AugmentationSettings()
        let first = try Self.augmented(sample, 3) { $0 = all }
        let again = try Self.augmented(sample, 3) { $0 = all }
        let other = try Self.augmented(sample, 4) { $0 = all }
        #expect(first == again)
        #expect(first != other)
        #expect(first.size == sample.size && first.classes == sample.classes)
    }

    @Test("a mirror is exact: rows, columns, both and neither occur")
    func mirror() throws {
        let sample = try Self.sample()
        let labels = try #require(sample.labels)
        var seen: Set<[Bool]> = []
        for step in 0..<24 {
            let result = try Self.augmented(sample, step) { $0.mirrorProbability = 0.5 }
            for rows in [false, true] {
                for columns in [false, true]
                where result.image == Self.mirrored(sample.image, sample.size, rows: rows, columns: columns) {
                    #expect(result.labels == Self.mirrored(labels, sample.size, rows: rows, columns: columns))
                    seen.insert([rows, columns])
                }
            }
        }
        #expect(seen.count == 4)
    }

    @Test("a rotation is one in millimeters: what lies 8 mm to the right comes to lie 8 mm above or below")
    func aspect() throws {
        // Pixels of 1 mm in a row, rows 2 mm apart.
        let grid = Examples.grid(41, 41, 1, spacing: [1, 2, 10])
        var image = Volume(grid: grid, voxels: [Float](repeating: 0, count: grid.count))
        image.voxels[20 * 41 + 28] = 1
        let settings = PreprocessingSettings(
            spacing: nil, height: 41, width: 41, clipPercentile: nil, normalizes: false)
        let sample = try Preprocessing(settings).sample(
            of: image, labels: nil, classes: 2, center: "a", subject: "s", path: "example")
        for (angle, row) in [(90.0, 24), (-90.0, 16)] {
            let turned = try Self.augmented(sample) {
                $0.rotation.probability = 1
                $0.rotation.range = angle...angle
            }
            let brightest = turned.image.indices.max { turned.image[$0] < turned.image[$1] } ?? 0
            let other = 40 - row
            #expect(
                [row, other].contains(brightest / 41) && brightest % 41 == 20,
                "row \(brightest / 41), column \(brightest % 41)")
            #expect(turned.image[brightest] > 0.9)
        }
    }

    @Test("rotation and scaling move image and labels alike, on all slices, and invent no label")
    func transform() throws {
        // The image is its own labels: what the two interpolations agree on.
        var sample = try Self.sample(64, 64)
        let labels = try #require(sample.labels)
        sample.image = labels.map { $0 == 1 ? 1 : 0 }
        for step in 0..<12 {
            let result = try Self.augmented(sample, step) {
                $0.rotation.probability = 1
                $0.scale.probability = 1
                $0.elastic.probability = step % 2 == 0 ? 0 : 1
                $0.elastic.range = 0...1000
            }
            let moved = try #require(result.labels)
            #expect(Set(moved).isSubset(of: Set(labels)))
            let fromImage = result.image.map { $0 > 0.5 ? UInt8(1) : 0 }
            let fromLabels = moved.map { $0 == 1 ? UInt8(1) : 0 }
            #expect(Examples.dice(fromImage, fromLabels)[0] > 0.97)
            let inSlice = result.size.height * result.size.width
            #expect(Array(moved[..<inSlice]) == Array(moved[inSlice..<2 * inSlice]))
        }
    }

    @Test("magnification scales areas by its square", arguments: [0.75, 1.25])
    func magnification(_ factor: Double) throws {
        let sample = try Self.sample(100, 100)
        let result = try Self.augmented(sample) {
            $0.scale.probability = 1
            $0.scale.range = factor...factor
        }
        let before = try #require(sample.labels).count { $0 != 0 }
        let after = try #require(result.labels).count { $0 != 0 }
        #expect(abs(Double(after) / Double(before) / (factor * factor) - 1) < 0.03)
    }

    @Test("a rotation keeps areas, also where pixels are not square", arguments: [1.0, 1.5])
    func rotation(_ aspect: Double) throws {
        let grid = Examples.grid(90, 90, 2, spacing: [1.25, 1.25 * aspect, 8])
        let sample = try Examples.sample(grid, PreprocessingSettings(spacing: nil, height: 90, width: 90))
        for step in 0..<6 {
            let result = try Self.augmented(sample, step) {
                $0.rotation.probability = 1
            }
            let before = try #require(sample.labels).count { $0 == 1 || $0 == 2 }
            let after = try #require(result.labels).count { $0 == 1 || $0 == 2 }
            #expect(abs(Double(after) / Double(before) - 1) < 0.03)
        }
    }

    @Test("an elastic displacement is smooth and of the strength's order")
    func elastic() throws {
        // The image is the column's number: its change is the displacement along x.
        var sample = try Self.sample(96, 96)
        for index in sample.image.indices { sample.image[index] = Float(index % 96) }
        var displacements: [Double] = []
        for step in 0..<40 {
            let result = try Self.augmented(sample, step) {
                $0.elastic.probability = 1
                $0.elasticSmoothing = 30...30
                $0.elastic.range = 0...1500
            }
            for row in [40, 48, 56] {
                let line = (30..<66).map { Double(result.image[row * 96 + $0]) - Double($0) }
                displacements.append(line[18])
                for (one, next) in zip(line, line.dropFirst()) { #expect(abs(one - next) < 0.6) }
            }
        }
        // Strength uniform below 1500: deviation 1500/√3 · 1/√3 / (2 √π 30) = 4.7 pixels.
        #expect((3.0...6.5).contains(deviation(displacements)))
    }

    @Test("intensity steps change the image and leave the labels")
    func intensity() throws {
        let sample = try Self.sample()
        for path: WritableKeyPath<AugmentationSettings, Double> in [
            \.gamma.probability, \.brightness.probability, \.contrast.probability, \.noise.probability,
            \.blur.probability,
        ] {
            let result = try Self.augmented(sample) { $0[keyPath: path] = 1 }
            #expect(result.labels == sample.labels)
            let difference = largestDifference(result.image, sample.image)
            #expect(difference > 1e-3 && difference < 5)
            #expect(result.image.allSatisfy { $0.isFinite })
        }
    }

    @Test(
        "settings out of range are errors that name them",
        arguments: [
            ("mirror.probability", \AugmentationSettings.mirrorProbability, 1.5),
            ("noise.probability", \.noise.probability, .nan),
        ] as [(String, WritableKeyPath<AugmentationSettings, Double> & Sendable, Double)])
    func settingsOutOfRange(
        _ name: String, _ path: WritableKeyPath<AugmentationSettings, Double> & Sendable, _ value: Double
    ) {
        var settings = AugmentationSettings()
        settings[keyPath: path] = value
        expectError("\(name) = ") { _ = try Augmentation(settings) }
    }

    @Test(
        "ranges out of range are errors that name them",
        arguments: [
            ("rotation.range", \AugmentationSettings.rotation.range, -181...0),
            ("elastic.range", \.elastic.range, -1...5),
            ("noise.range", \.noise.range, 0...11), ("blur.range", \.blur.range, 0...1),
        ] as [(String, WritableKeyPath<AugmentationSettings, ClosedRange<Double>> & Sendable, ClosedRange<Double>)])
    func rangeOutOfRange(
        _ name: String, _ path: WritableKeyPath<AugmentationSettings, ClosedRange<Double>> & Sendable,
        _ range: ClosedRange<Double>
    ) {
        var settings = AugmentationSettings()
        settings[keyPath: path] = range
        expectError("\(name) = ") { _ = try Augmentation(settings) }
    }

    @Test("a quarter turn to one side is what the range allows alone")
    func rotationRange() throws {
        let sample = try Self.sample(64, 64)
        let turned = try Self.augmented(sample) {
            $0.rotation.probability = 1
            $0.rotation.range = 90...90
        }
        let back = try Self.augmented(turned) {
            $0.rotation.probability = 1
            $0.rotation.range = (-90)...(-90)
        }
        let moved = try #require(turned.labels)
        let labels = try #require(sample.labels)
        #expect(moved != labels)
        let restored = try #require(back.labels)
        #expect(zip(restored, labels).count { $0 != $1 } < labels.count / 200)
    }
}
