import Tensors

/// Noise that is smooth in the plane: random numbers on a lattice, interpolated. A function of key and place.
struct SmoothNoise {
    let key: UInt64

    /// About −1 to 1 at (x, y), in units of the coarser of two lattices, turned so that neither shows.
    func value(_ x: Float, _ y: Float) -> Float {
        0.7 * octave(0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y) + 0.45 * octave(1.9 * x + 0.7 * y, 1.9 * y - 0.7 * x)
    }

    private func octave(_ x: Float, _ y: Float) -> Float {
        let (left, top) = (x.rounded(.down), y.rounded(.down))
        let (column, row) = (Int32(left), Int32(top))
        let (u, v) = (Self.ease(x - left), Self.ease(y - top))
        let upper = corner(column, row) * (1 - u) + corner(column &+ 1, row) * u
        let lower = corner(column, row &+ 1) * (1 - u) + corner(column &+ 1, row &+ 1) * u
        return upper * (1 - v) + lower * v
    }

    private func corner(_ column: Int32, _ row: Int32) -> Float {
        let place = UInt64(UInt32(bitPattern: column)) << 32 | UInt64(UInt32(bitPattern: row))
        return Float(Int32(truncatingIfNeeded: RandomStream.mix(key ^ place) >> 32)) * 0x1p-31
    }

    private static func ease(_ value: Float) -> Float { value * value * (3 - 2 * value) }
}
