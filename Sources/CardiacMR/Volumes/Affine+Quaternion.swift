extension Affine {
    /// The quaternion's (b, c, d) and the handedness of the third axis; nil when the axes are not orthogonal or their
    /// lengths are not the spacing, which a quaternion cannot express.
    package func quaternion(spacing: SIMD3<Double>) -> (quaternion: SIMD3<Double>, factor: Double)? {
        let tolerance = 1e-4
        let lengths = columnLengths
        guard lengths.min() > 0, (0..<3).allSatisfy({ abs(lengths[$0] / spacing[$0] - 1) < tolerance }) else {
            return nil
        }
        let first = x / lengths.x
        let second = y / lengths.y
        var third = z / lengths.z
        guard [first * second, second * third, first * third].allSatisfy({ abs($0.sum()) < tolerance }) else {
            return nil
        }
        let factor: Double = (Self.cross(first, second) * third).sum() < 0 ? -1 : 1
        third *= factor
        // The largest of the four components first, so that nothing small is divided by (Shepperd).
        let traces = [
            1 + first.x + second.y + third.z, 1 + first.x - second.y - third.z, 1 - first.x + second.y - third.z,
            1 - first.x - second.y + third.z,
        ]
        let largest = traces.indices.max { traces[$0] < traces[$1] } ?? 0
        let root = traces[largest].squareRoot()
        let scale = 0.5 / root
        var a: Double
        var rest: SIMD3<Double>
        switch largest {
        case 0:
            a = root / 2
            rest = [(second.z - third.y) * scale, (third.x - first.z) * scale, (first.y - second.x) * scale]
        case 1:
            a = (second.z - third.y) * scale
            rest = [root / 2, (second.x + first.y) * scale, (third.x + first.z) * scale]
        case 2:
            a = (third.x - first.z) * scale
            rest = [(second.x + first.y) * scale, root / 2, (third.y + second.z) * scale]
        default:
            a = (first.y - second.x) * scale
            rest = [(third.x + first.z) * scale, (third.y + second.z) * scale, root / 2]
        }
        if a < 0 {
            a = -a
            rest = -rest
        }
        return (rest, factor)
    }
}
