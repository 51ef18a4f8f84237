#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// A smooth random displacement of a plane (Simard, Steinkraus, Platt 2003): white noise, smoothed by a Gaussian.
///
/// The Gaussian is wide, so noise and field are kept on a lattice of a quarter of its deviation; white noise averaged
/// over the lattice's cells has the same smoothed field, at a hundredth of the cost.
struct ElasticField {
    private let step: Double
    private let columns: Int
    private let field: [SIMD2<Float>]

    /// - Parameters:
    ///   - smoothing: the Gaussian's deviation in pixels.
    ///   - strength: factor of the smoothed noise, which was uniform in −1 … 1 at every pixel.
    init(height: Int, width: Int, smoothing: Double, strength: Double, random: inout RandomStream) {
        step = max(1, smoothing / 4)
        let deviation = smoothing / step
        let radius = Int((3 * deviation).rounded(.up))
        let rows = Int((Double(height) / step).rounded(.up)) + 2
        columns = Int((Double(width) / step).rounded(.up)) + 2
        let (noiseRows, noiseColumns) = (rows + 2 * radius, columns + 2 * radius)
        var kernel = (-radius...radius).map { exp(-0.5 * pow(Double($0) / deviation, 2)) }
        let sum = kernel.reduce(0, +)
        kernel = kernel.map { $0 / sum }
        // A cell's mean of step² independent numbers of variance 1/3.
        let cell = strength / (3.0.squareRoot() * step)
        let noise = (0..<noiseRows * noiseColumns).map { _ -> SIMD2<Double> in
            let pair = random.normalPair()
            return [Double(pair.0) * cell, Double(pair.1) * cell]
        }
        var smoothed = [SIMD2<Double>](repeating: .zero, count: noiseRows * columns)
        for row in 0..<noiseRows {
            for column in 0..<columns {
                for (tap, weight) in kernel.enumerated() {
                    smoothed[row * columns + column] += noise[row * noiseColumns + column + tap] * weight
                }
            }
        }
        var field = [SIMD2<Float>](repeating: .zero, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                var value = SIMD2<Double>.zero
                for (tap, weight) in kernel.enumerated() { value += smoothed[(row + tap) * columns + column] * weight }
                field[row * columns + column] = SIMD2<Float>(value)
            }
        }
        self.field = field
    }

    /// The displacement (x, y) at a pixel, in pixels.
    func displacement(row: Int, column: Int) -> SIMD2<Float> {
        let (y, x) = (Double(row) / step, Double(column) / step)
        let (top, left) = (Int(y), Int(x))
        let (v, u) = (Float(y - Double(top)), Float(x - Double(left)))
        let index = top * columns + left
        let upper = field[index] * (1 - u) + field[index + 1] * u
        let lower = field[index + columns] * (1 - u) + field[index + columns + 1] * u
        return upper * (1 - v) + lower * v
    }
}
