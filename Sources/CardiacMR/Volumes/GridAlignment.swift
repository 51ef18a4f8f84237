/// How a segmentation's voxels lie on its image's: one and the same, in another order, or somewhere else.
///
/// Tools store one place in the body with axes in any order and direction. Such a segmentation is read in its image's
/// order; what is measured of it is measured on the image's grid.
package struct GridAlignment: Equatable, Sendable {
    /// The axis of the image that each axis of the segmentation runs along.
    let axes: SIMD3<Int>
    /// Whether it runs backwards.
    let isFlipped: [Bool]
    /// The image's size.
    private let size: SIMD3<Int>
    /// How far apart the corners are said to be, in mm; 0 where the segmentation does not say where it is.
    package let distance: Double
    /// Whether the two are at one place, within half a voxel.
    package let isAgreed: Bool

    /// - Returns: nil where no order of axes makes the sizes the same.
    package init?(_ label: Grid, on image: Grid) {
        size = image.size
        let identity = (axes: SIMD3<Int>(0, 1, 2), isFlipped: [false, false, false])
        var best: (axes: SIMD3<Int>, isFlipped: [Bool], distance: Double)?
        if label.size == image.size {
            best = (identity.axes, identity.isFlipped, Self.distance(label, image, identity.axes, identity.isFlipped))
        }
        let limit = 0.5 * image.spacing.min()
        if label.isPlaced, image.isPlaced, !(best.map { $0.distance <= limit } ?? false) {
            for axes in Self.orders where (0..<3).allSatisfy({ label.size[$0] == image.size[axes[$0]] }) {
                for flips in 0..<8 {
                    let isFlipped = (0..<3).map { flips >> $0 & 1 == 1 }
                    let distance = Self.distance(label, image, axes, isFlipped)
                    if distance <= limit, distance < best?.distance ?? .infinity { best = (axes, isFlipped, distance) }
                }
            }
        }
        guard let best else { return nil }
        (axes, isFlipped) = (best.axes, best.isFlipped)
        let isKnown = label.isPlaced && image.isPlaced
        distance = isKnown ? best.distance : 0
        isAgreed = !isKnown || best.distance <= limit
    }

    /// Whether the voxels are in the image's order already.
    package var isIdentity: Bool { axes == [0, 1, 2] && !isFlipped.contains(true) }

    /// The values of the segmentation's voxels, in the image's order.
    package func reordered<Value>(_ values: [Value]) -> [Value] {
        guard !isIdentity, let first = values.first else { return values }
        let strides = [1, size.x, size.x * size.y]
        /// Where a step along each axis of the segmentation leads to.
        let steps = (0..<3).map { isFlipped[$0] ? -strides[axes[$0]] : strides[axes[$0]] }
        let start = (0..<3).reduce(0) { $0 + (isFlipped[$1] ? (size[axes[$1]] - 1) * strides[axes[$1]] : 0) }
        var result = [Value](repeating: first, count: values.count)
        var index = 0
        for z in 0..<size[axes.z] {
            for y in 0..<size[axes.y] {
                var target = start + z * steps[2] + y * steps[1]
                for _ in 0..<size[axes.x] {
                    result[target] = values[index]
                    index += 1
                    target += steps[0]
                }
            }
        }
        return result
    }

    private static let orders: [SIMD3<Int>] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    /// The largest distance between where the two say that the segmentation's corners are, in mm.
    private static func distance(_ label: Grid, _ image: Grid, _ axes: SIMD3<Int>, _ isFlipped: [Bool]) -> Double {
        var largest = 0.0
        for corner in 0..<8 {
            var (own, other) = (SIMD3<Double>.zero, SIMD3<Double>.zero)
            for axis in 0..<3 {
                let last = Double(label.size[axis] - 1)
                own[axis] = corner >> axis & 1 == 0 ? 0 : last
                other[axes[axis]] = isFlipped[axis] ? last - own[axis] : own[axis]
            }
            let distance = Affine.length(label.affine.position(of: own) - image.affine.position(of: other))
            largest = max(largest, distance.isFinite ? distance : .infinity)
        }
        return largest
    }
}
