#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// The coils' uneven sensitivity: exp of a cubic polynomial of place.
struct BiasField: Sendable {
    private var coefficients: [Float] = []

    /// Draws coefficients in ± `strength`.
    init(random: inout RandomStream, strength: Double) {
        for order in 1...3 {
            for x in 0...order {
                for y in 0...(order - x) {
                    let z = order - x - y
                    // Coils vary less along the stack than across it, which is wider.
                    let reach = z > 0 ? 0.3 * strength : strength
                    coefficients.append(Float(random.uniform(in: -reach...reach)))
                    // Surface coils lie on the chest: brighter above.
                    if (x, y, z) == (0, 1, 0) { coefficients[coefficients.count - 1] -= Float(0.5 * strength) }
                }
            }
        }
    }

    /// The factor at a place whose coordinates run from −1 to 1 over the volume.
    func factor(_ x: Float, _ y: Float, _ z: Float) -> Float {
        let (xs, ys, zs): (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>) = (
            [1, x, x * x, x * x * x], [1, y, y * y, y * y * y], [1, z, z * z, z * z * z]
        )
        var exponent: Float = 0
        var index = 0
        for order in 1...3 {
            for column in 0...order {
                for row in 0...(order - column) {
                    exponent += coefficients[index] * xs[column] * ys[row] * zs[order - column - row]
                    index += 1
                }
            }
        }
        return expf(exponent)
    }
}
