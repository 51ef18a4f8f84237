/// A monotone curve through given points: it turns brightness of any unit into one of given quantiles.
struct ToneCurve {
    private var from: [Float]
    private var to: [Float]

    /// The curve that takes zero to `floor`, the values' median and 95th percentile to `median` and `high`, and what only
    /// the fraction `bright` of them exceeds to 1.
    /// - Parameter values: reordered.
    init(_ values: inout [Float], floor: Float, median: Float, high: Float, bright: Double) {
        from = [0]
        to = [floor]
        for (fraction, target) in [(0.5, median), (0.95, high), (max(1 - bright, 0.96), 1)] {
            let value = Quantile.value(of: fraction, in: &values)
            // Flat parts of the picture have no quantile of their own.
            from.append(max(value, (from.last ?? 0) + 1e-4))
            to.append(max(target, to.last ?? 0))
        }
    }

    func callAsFunction(_ value: Float) -> Float {
        var index = 1
        while index < from.count - 1, value > from[index] { index += 1 }
        let slope = (to[index] - to[index - 1]) / (from[index] - from[index - 1])
        // Beyond the last point the receiver saturates softly.
        guard value <= from[index] else { return to[index] + 0.4 * slope * (value - from[index]) }
        return to[index - 1] + slope * (value - from[index - 1])
    }
}
