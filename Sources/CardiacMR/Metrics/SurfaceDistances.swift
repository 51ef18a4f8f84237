/// How far the surfaces of a class lie apart in a segmentation and in the truth, in mm.
///
/// A mask's surface are its voxels with a face neighbour that is not of it; what is beyond the volume is not.
package struct SurfaceDistances: Equatable, Sendable {
    /// From each surface voxel of the prediction to the nearest of the truth, and the other way round; in order.
    package let fromPrediction, fromTruth: [Double]

    /// - Parameters:
    ///   - prediction, truth: labels, x fastest.
    ///   - size, spacing: voxels and mm along x, y, z.
    /// - Returns: nil where the class is empty in one of them: there is no distance to nothing.
    package init?(
        prediction: [UInt8], truth: [UInt8], label: UInt8, size: SIMD3<Int>, spacing: SIMD3<Double>
    ) {
        precondition(prediction.count == truth.count && truth.count == size.x * size.y * size.z, "labels of one size")
        guard let box = Self.box(prediction, truth, label, size) else { return nil }
        let ours = Self.surface(prediction, label, size, box)
        let theirs = Self.surface(truth, label, size, box)
        guard ours.contains(true), theirs.contains(true) else { return nil }
        let toTruth = DistanceTransform.squaredDistances(to: theirs, size: box.size, spacing: spacing)
        let toPrediction = DistanceTransform.squaredDistances(to: ours, size: box.size, spacing: spacing)
        fromPrediction = ours.indices.filter { ours[$0] }.map { toTruth[$0].squareRoot() }.sorted()
        fromTruth = theirs.indices.filter { theirs[$0] }.map { toPrediction[$0].squareRoot() }.sorted()
    }

    /// Hausdorff's distance at 95 %, as MONAI defines it: the larger of the two directed 95th percentiles (linear between
    /// neighbours). Medpy's percentile of all distances together is another number.
    package var hausdorff95: Double {
        max(Self.percentile95(fromPrediction), Self.percentile95(fromTruth))
    }

    /// The largest distance.
    package var hausdorff: Double { max(fromPrediction.last ?? 0, fromTruth.last ?? 0) }

    /// The average symmetric surface distance, as the M&Ms challenge defines it: the mean of the two directed means.
    package var averageSymmetric: Double { (Self.mean(fromPrediction) + Self.mean(fromTruth)) / 2 }

    private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

    private static func percentile95(_ sorted: [Double]) -> Double {
        let position = 0.95 * Double(sorted.count - 1)
        let index = Int(position)
        guard index + 1 < sorted.count else { return sorted[index] }
        return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
    }

    /// The smallest box around a class in both segmentations; distances between its surfaces need no more.
    private struct Box {
        var lower, size: SIMD3<Int>
    }

    private static func box(_ first: [UInt8], _ second: [UInt8], _ label: UInt8, _ size: SIMD3<Int>) -> Box? {
        var lower = size
        var upper = SIMD3<Int>(repeating: -1)
        var index = 0
        for z in 0..<size.z {
            for y in 0..<size.y {
                for x in 0..<size.x {
                    if first[index] == label || second[index] == label {
                        let voxel: SIMD3<Int> = [x, y, z]
                        lower = pointwiseMin(lower, voxel)
                        upper = pointwiseMax(upper, voxel)
                    }
                    index += 1
                }
            }
        }
        return upper.x < 0 ? nil : Box(lower: lower, size: upper &- lower &+ 1)
    }

    private static func surface(_ labels: [UInt8], _ label: UInt8, _ size: SIMD3<Int>, _ box: Box) -> [Bool] {
        var surface = [Bool](repeating: false, count: box.size.x * box.size.y * box.size.z)
        var index = 0
        for z in box.lower.z..<box.lower.z + box.size.z {
            for y in box.lower.y..<box.lower.y + box.size.y {
                for x in box.lower.x..<box.lower.x + box.size.x {
                    let place = (z * size.y + y) * size.x + x
                    if labels[place] == label {
                        let isInner =
                            x > 0 && x < size.x - 1 && y > 0 && y < size.y - 1 && z > 0 && z < size.z - 1
                            && labels[place - 1] == label && labels[place + 1] == label
                            && labels[place - size.x] == label && labels[place + size.x] == label
                            && labels[place - size.x * size.y] == label && labels[place + size.x * size.y] == label
                        surface[index] = !isInner
                    }
                    index += 1
                }
            }
        }
        return surface
    }
}
