#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

extension RandomStream {
    /// A normal number of the given mean and standard deviation, redrawn while outside `range` (then put to its edge).
    mutating func normal(_ mean: Double, _ deviation: Double, in range: ClosedRange<Double>) -> Double {
        var value = mean
        for _ in 0..<16 {
            value = mean + deviation * normal()
            if range.contains(value) { return value }
        }
        return value.clamped(to: range)
    }

    /// Two independent standard normal numbers, in single precision (Box-Muller, both of the pair).
    mutating func normalPair() -> (Float, Float) {
        let bits = next()
        // 1 … 2³² over 2³²: never 0, whose logarithm is infinite.
        let radius = (-2 * logf((Float(UInt32(truncatingIfNeeded: bits)) + 1) * 0x1p-32)).squareRoot()
        let angle = Float(bits >> 40) * Float(2 * Double.pi * 0x1p-24)
        return (radius * cosf(angle), radius * sinf(angle))
    }

    /// True with the given probability.
    mutating func chance(_ probability: Double) -> Bool { uniform() < probability }
}

extension Comparable {
    func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
