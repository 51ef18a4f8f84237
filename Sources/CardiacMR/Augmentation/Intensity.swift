#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Changes of a sample's values that leave its space alone.
enum Intensity {
    /// Raises the values, taken from their smallest (0) to their largest (1), to a power.
    static func applyGamma(_ gamma: Float, to values: inout [Float]) {
        guard let least = values.min(), let most = values.max(), most > least else { return }
        let range = most - least
        for index in values.indices { values[index] = least + range * powf((values[index] - least) / range, gamma) }
    }

    /// Scales the values' distance from their mean, within their range.
    static func applyContrast(_ factor: Float, to values: inout [Float]) {
        guard let least = values.min(), let most = values.max(), most > least else { return }
        let mean = Float(values.reduce(0.0) { $0 + Double($1) } / Double(values.count))
        for index in values.indices { values[index] = min(max(mean + factor * (values[index] - mean), least), most) }
    }

    /// The blurring of a plane by a Gaussian; at the borders, by what of it there is.
    static func blur(height: Int, width: Int, deviation: Double) -> PlaneResampling {
        let radius = Int((3 * deviation).rounded(.up))
        func axis(_ count: Int) -> ResamplingAxis {
            ResamplingAxis(count: count, radius: radius) { exp(-0.5 * ($0 / deviation) * ($0 / deviation)) }
        }
        return PlaneResampling(rows: axis(height), columns: axis(width))
    }
}
