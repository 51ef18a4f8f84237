import Tensors

/// One phase of a simulated subject.
package struct PhantomCase: Equatable, Sendable {
    /// When in the cycle.
    package var phase: Phase
    /// Whole numbers in the scanner's units.
    package var image: Volume
    /// What is where in it.
    package var label: LabelVolume
}

extension PhantomSubject {
    /// Renders a phase: anatomy with partial volume, then what the scanner adds.
    package func render(_ phase: Phase) -> PhantomCase {
        var scene = scene(phase)
        var image = composed(&scene)
        addGhosts(&image)
        addNoise(&image, phase: phase)
        var order = image
        let brightest = max(Quantile.value(of: 0.995, in: &order), 1e-3)
        let scale = Float(rawScale) / brightest
        for index in image.indices { image[index] = (image[index] * scale).rounded().clamped(to: 0...32767) }
        let unlabelled = Scene.unlabelledRight
        let labels = scene.labels.map { $0 == unlabelled ? 0 : $0 }
        return PhantomCase(
            phase: phase, image: Volume(grid: grid, voxels: image), label: LabelVolume(grid: grid, labels: labels))
    }

    /// What is where, before brightness.
    struct Scene {
        /// The label of the right ventricle's blood where it is not a class.
        static let unlabelledRight: UInt8 = 255

        /// Brightness of the surround, in the thorax's unit, times the bias field.
        var surround: [Float]
        var bias: [Float]
        var labels: [UInt8]
        /// Voxels that the heart touches, and for each how many of its samples show each tissue.
        var heartVoxels: [Int] = []
        var samples: [UInt8] = []
        var samplesPerVoxel: Int
    }

    private func scene(_ phase: Phase) -> Scene {
        let (width, height, depth) = (grid.size.x, grid.size.y, grid.size.z)
        let pixel = grid.spacing.x
        // Samples at most 0.9 mm apart in the plane and three along the slice's thickness.
        let fine = Int((pixel / 0.9).rounded(.up)).clamped(to: 2...5)
        let layers = 3
        var scene = Scene(
            surround: [Float](repeating: 0, count: grid.count), bias: [Float](repeating: 1, count: grid.count),
            labels: [UInt8](repeating: 0, count: grid.count), samplesPerVoxel: fine * fine * layers)
        let classOf = Self.classes(of: profile.sequence)
        for slice in 0..<depth {
            let sections = (0..<layers).map { layer -> HeartSection? in
                let offset = (Double(layer) + 0.5) / Double(layers) - 0.5
                return HeartSection(
                    heart, phase: phase, depth: sliceDepths[slice] + offset * sliceThickness,
                    center: axis + motion[slice])
            }
            let present = sections.compactMap { $0 }
            let middle = sections[layers / 2] ?? present.first
            let z = depth > 1 ? Float(2 * slice) / Float(depth - 1) - 1 : 0
            for row in 0..<height {
                let y = Float((Double(row) - Double(height - 1) / 2) * pixel)
                let biasRow = bias.row(y: Float(2 * row) / Float(height - 1) - 1, z: z)
                for column in 0..<width {
                    let x = Float((Double(column) - Double(width - 1) / 2) * pixel)
                    let index = (slice * height + row) * width + column
                    let bias = biasRow.factor(x: Float(2 * column) / Float(width - 1) - 1)
                    scene.bias[index] = bias
                    scene.surround[index] =
                        bias
                        * thorax.brightness(
                            x: x, y: y, slice: slice, depth: Float(sliceDepths[slice]),
                            motion: SIMD2<Float>(motion[slice]), section: middle, pixel: Float(pixel))
                    sample(&scene, index, x, y, sections, present, fine: fine, pixel: Float(pixel), classOf)
                }
            }
        }
        return scene
    }

    /// Counts the tissues in a voxel and gives it the class that most of its samples show.
    private func sample(
        _ scene: inout Scene, _ index: Int, _ x: Float, _ y: Float, _ sections: [HeartSection?],
        _ present: [HeartSection], fine: Int, pixel: Float, _ classOf: [UInt8]
    ) {
        let near = present.contains { section in
            max(abs(x - section.center.x), abs(y - section.center.y)) < section.reach + pixel
        }
        guard near else { return }
        var counts = SIMD16<UInt8>()
        for section in sections {
            guard let section else {
                counts[0] += UInt8(fine * fine)
                continue
            }
            for j in 0..<fine {
                let sampleY = y + ((Float(j) + 0.5) / Float(fine) - 0.5) * pixel
                for i in 0..<fine {
                    let sampleX = x + ((Float(i) + 0.5) / Float(fine) - 0.5) * pixel
                    counts[Int(section.tissue(x: sampleX, y: sampleY).rawValue)] += 1
                }
            }
        }
        guard Int(counts[0]) < scene.samplesPerVoxel else { return }
        scene.heartVoxels.append(index)
        var votes = SIMD8<UInt8>()
        for tissue in 0..<HeartTissue.allCases.count {
            scene.samples.append(counts[tissue])
            votes[Int(classOf[tissue])] += counts[tissue]
        }
        let most = (0..<8).max { votes[$0] < votes[$1] } ?? 0
        scene.labels[index] = UInt8(most == 7 ? Int(Scene.unlabelledRight) : most)
    }

    /// The class of each tissue; 7 is the right ventricle's blood where it has none.
    private static func classes(of sequence: CenterProfile.Sequence) -> [UInt8] {
        let isPhaseSensitive = sequence == .phaseSensitiveEnhancement
        return HeartTissue.allCases.map { tissue in
            switch tissue {
            case .outside, .rightWall, .leftAtrium, .rightAtrium: 0
            case .leftBlood, .papillary: 1
            case .myocardium: 2
            case .rightBlood: isPhaseSensitive ? 7 : 3
            case .scar: isPhaseSensitive ? 3 : 2
            case .noReflow: isPhaseSensitive ? 4 : 2
            }
        }
    }

    private func addGhosts(_ image: inout [Float]) {
        guard ghost.amplitude > 0 else { return }
        let (width, height) = (grid.size.x, grid.size.y)
        let source = image
        let shift = height / ghost.order
        for slice in 0..<grid.size.z {
            for row in 0..<height {
                let to = (slice * height + row) * width
                let from = (slice * height + (row + shift) % height) * width
                for column in 0..<width { image[to + column] += ghost.amplitude * source[from + column] }
            }
        }
    }

    /// The magnitude of a complex signal with Gaussian noise in both channels (Rice).
    private func addNoise(_ image: inout [Float], phase: Phase) {
        let sliceCount = grid.size.x * grid.size.y
        let deviation = Float(profile.noise)
        for slice in 0..<grid.size.z {
            var random = noise(phase: phase, slice: slice)
            for index in slice * sliceCount..<(slice + 1) * sliceCount {
                let (real, imaginary) = random.normalPair()
                let signal = image[index] + deviation * real
                let other = deviation * imaginary
                image[index] = (signal * signal + other * other).squareRoot()
            }
        }
    }
}
