/// In which order and direction one grid's axes run along another's of the same voxels.
struct AxisOrder: Equatable, Sendable {
    /// The axis of the other grid that each axis runs along.
    let axes: SIMD3<Int>
    /// Whether it runs backwards.
    let isFlipped: [Bool]

    /// As the other grid's.
    static let identity = AxisOrder(axes: [0, 1, 2], isFlipped: [false, false, false])

    /// The values of the grid's voxels in the order of the other grid, which has so many voxels along its axes.
    func reordered<Value>(_ values: [Value], to size: SIMD3<Int>) -> [Value] {
        guard self != .identity, let first = values.first else { return values }
        let strides = [1, size.x, size.x * size.y]
        /// Where a step along each axis of the grid leads to.
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
}
