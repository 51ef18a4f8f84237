/// How a segmentation's voxels lie on its image's: one and the same, in another order, or somewhere else.
///
/// Tools store one place in the body with axes in any order and direction. Such a segmentation is read in its image's
/// order; what is measured of it is measured on the image's grid.
package struct GridAlignment: Equatable, Sendable {
    /// How the segmentation's axes run along the image's.
    private let order: AxisOrder
    /// The image's size.
    private let size: SIMD3<Int>
    /// How far apart the corners are said to be, in mm; 0 where the segmentation does not say where it is.
    package let distance: Double
    /// Whether the two are at one place, within half a voxel.
    package let isAgreed: Bool

    /// - Returns: nil where no order of axes makes the sizes the same.
    package init?(_ label: Grid, on image: Grid) {
        size = image.size
        var best: (order: AxisOrder, distance: Double)?
        if label.size == image.size { best = (.identity, Self.distance(label, image, .identity)) }
        let limit = 0.5 * image.spacing.min()
        if label.isPlaced, image.isPlaced, !(best.map { $0.distance <= limit } ?? false) {
            for axes in Self.orders where (0..<3).allSatisfy({ label.size[$0] == image.size[axes[$0]] }) {
                for flips in 0..<8 {
                    let order = AxisOrder(axes: axes, isFlipped: (0..<3).map { flips >> $0 & 1 == 1 })
                    let distance = Self.distance(label, image, order)
                    if distance <= limit, distance < best?.distance ?? .infinity { best = (order, distance) }
                }
            }
        }
        guard let best else { return nil }
        order = best.order
        let isKnown = label.isPlaced && image.isPlaced
        distance = isKnown ? best.distance : 0
        isAgreed = !isKnown || best.distance <= limit
    }

    /// Whether the voxels are in the image's order already.
    package var isIdentity: Bool { order == .identity }

    /// The values of the segmentation's voxels, in the image's order.
    package func reordered<Value>(_ values: [Value]) -> [Value] { order.reordered(values, to: size) }

    private static let orders: [SIMD3<Int>] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    /// The largest distance between where the two say that the segmentation's corners are, in mm.
    private static func distance(_ label: Grid, _ image: Grid, _ order: AxisOrder) -> Double {
        var largest = 0.0
        for corner in 0..<8 {
            var (own, other) = (SIMD3<Double>.zero, SIMD3<Double>.zero)
            for axis in 0..<3 {
                let last = Double(label.size[axis] - 1)
                own[axis] = corner >> axis & 1 == 0 ? 0 : last
                other[order.axes[axis]] = order.isFlipped[axis] ? last - own[axis] : own[axis]
            }
            let distance = Affine.length(label.affine.position(of: own) - image.affine.position(of: other))
            largest = max(largest, distance.isFinite ? distance : .infinity)
        }
        return largest
    }
}
