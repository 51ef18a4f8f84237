/// Exact Euclidean distances to the nearest marked voxel of a grid (Felzenszwalb, Huttenlocher: "Distance transforms of
/// sampled functions", Theory of Computing 2012), one axis after the other. Time linear in the voxels.
enum DistanceTransform {
    /// Squared distances in mm² (x fastest); infinite where nothing is marked.
    static func squaredDistances(to marked: [Bool], size: SIMD3<Int>, spacing: SIMD3<Double>) -> [Double] {
        precondition(marked.count == size.x * size.y * size.z, "a mark for each voxel")
        var distances = marked.map { $0 ? 0 : Double.infinity }
        let strides = [1, size.x, size.x * size.y]
        let longest = size.max()
        var line = [Double](repeating: 0, count: longest)
        var envelope = Envelope(capacity: longest)
        for axis in 0..<3 where size[axis] > 1 {
            let (count, stride) = (size[axis], strides[axis])
            for start in 0..<distances.count where start / stride % count == 0 {
                for index in 0..<count { line[index] = distances[start + index * stride] }
                envelope.lower(line, count: count, spacing: spacing[axis]) { index, value in
                    distances[start + index * stride] = value
                }
            }
        }
        return distances
    }

    /// The lower envelope of parabolas that stand on a line's values.
    private struct Envelope {
        private var vertices: [Int]
        private var borders: [Double]

        init(capacity: Int) {
            vertices = [Int](repeating: 0, count: capacity)
            borders = [Double](repeating: 0, count: capacity + 1)
        }

        mutating func lower(_ line: [Double], count: Int, spacing: Double, _ set: (Int, Double) -> Void) {
            var last = -1
            let square = spacing * spacing
            for index in 0..<count where line[index] < .infinity {
                let height = line[index] + square * Double(index * index)
                while true {
                    guard last >= 0 else {
                        borders[0] = -.infinity
                        break
                    }
                    let vertex = vertices[last]
                    let other = line[vertex] + square * Double(vertex * vertex)
                    let crossing = (height - other) / (2 * square * Double(index - vertex))
                    if crossing > borders[last] {
                        borders[last + 1] = crossing
                        break
                    }
                    last -= 1
                }
                last += 1
                vertices[last] = index
            }
            guard last >= 0 else { return }
            var current = 0
            for index in 0..<count {
                while current < last, borders[current + 1] < Double(index) { current += 1 }
                let steps = Double(index - vertices[current])
                set(index, line[vertices[current]] + square * steps * steps)
            }
        }
    }
}
