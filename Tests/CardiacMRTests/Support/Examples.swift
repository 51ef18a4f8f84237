import CardiacMR
import Tensors

/// Volumes and samples for tests.
enum Examples {
    static func grid(_ x: Int, _ y: Int, _ z: Int, spacing: SIMD3<Double> = [1.25, 1.25, 10]) -> Grid {
        Grid(size: [x, y, z], spacing: spacing, affine: Affine(spacing: spacing))
    }

    /// Nested ellipses of classes 1, 2, 3 around the image's center, and an image that shows them with noise.
    static func heart(_ grid: Grid, seed: UInt64 = 1) -> (image: Volume, labels: LabelVolume) {
        var random = RandomStream(seed: seed, purpose: "example")
        var labels = [UInt8](repeating: 0, count: grid.count)
        var voxels = [Float](repeating: 0, count: grid.count)
        for index in 0..<grid.count {
            let voxel = SIMD3<Double>(grid.voxel(at: index))
            let offset = (voxel - SIMD3<Double>(grid.size &- 1) / 2) / SIMD3<Double>(grid.size)
            let distance = (offset.x * offset.x * 1.3 + offset.y * offset.y).squareRoot()
            labels[index] = distance < 0.1 ? 1 : distance < 0.2 ? 2 : distance < 0.3 && offset.x < 0 ? 3 : 0
            voxels[index] = [20, 200, 90, 180][Int(labels[index])] + Float(random.uniform() * 10)
        }
        return (Volume(grid: grid, voxels: voxels), LabelVolume(grid: grid, labels: labels))
    }

    static func sample(_ grid: Grid, _ settings: PreprocessingSettings, seed: UInt64 = 1) throws -> Sample {
        let heart = heart(grid, seed: seed)
        return try Preprocessing(settings).sample(
            of: heart.image, labels: heart.labels.labels, classes: 4, center: "a", subject: "s", path: "example")
    }

    static func dice(_ a: [UInt8], _ b: [UInt8]) -> [Double] {
        SegmentationCounts(prediction: a, truth: b, classes: 4).foregroundDice.map { $0 ?? 1 }
    }
}
