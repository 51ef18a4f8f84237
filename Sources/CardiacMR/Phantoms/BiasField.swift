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

    /// The field along a row, at coordinates that run from −1 to 1 over the volume.
    func row(y: Float, z: Float) -> Row {
        let (ys, zs) = ([1, y, y * y, y * y * y], [1, z, z * z, z * z * z])
        var powers: [Float] = [0, 0, 0, 0]
        var index = 0
        for order in 1...3 {
            for x in 0...order {
                for y in 0...(order - x) {
                    powers[x] += coefficients[index] * ys[y] * zs[order - x - y]
                    index += 1
                }
            }
        }
        return Row(a: powers[0], b: powers[1], c: powers[2], d: powers[3])
    }

    /// What is left of the polynomial in a row.
    struct Row {
        fileprivate let a, b, c, d: Float

        func factor(x: Float) -> Float { expf(((d * x + c) * x + b) * x + a) }
    }
}
