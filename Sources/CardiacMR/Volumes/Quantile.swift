/// Quantiles as NumPy's `quantile` and `percentile` define them by default: linear between neighbours in order.
package enum Quantile {
    /// The value below which `fraction` of the values lie. Expected time linear in their number.
    /// - Parameters:
    ///   - fraction: 0 (smallest) to 1 (largest).
    ///   - values: at least one, none NaN; reordered.
    package static func value(of fraction: Double, in values: inout [Float]) -> Float {
        precondition(!values.isEmpty && (0...1).contains(fraction), "a fraction of some values")
        let position = fraction * Double(values.count - 1)
        let index = min(Int(position), values.count - 1)
        let lower = select(index, in: &values)
        let weight = position - Double(index)
        guard weight > 0, index + 1 < values.count else { return lower }
        let upper = values[(index + 1)...].min() ?? lower
        return Float(Double(lower) + weight * (Double(upper) - Double(lower)))
    }

    /// The value that would be at `index` in order, with none larger before it and none smaller behind it (Hoare).
    private static func select(_ index: Int, in values: inout [Float]) -> Float {
        values.withUnsafeMutableBufferPointer { values in
            var first = 0
            var last = values.count - 1
            while first < last {
                let middle = first + (last - first) / 2
                let (a, b, c) = (values[first], values[middle], values[last])
                let pivot = max(min(a, b), min(max(a, b), c))
                var left = first
                var right = last
                while left <= right {
                    while values[left] < pivot { left += 1 }
                    while values[right] > pivot { right -= 1 }
                    if left <= right {
                        values.swapAt(left, right)
                        left += 1
                        right -= 1
                    }
                }
                if index <= right {
                    last = right
                } else if index >= left {
                    first = left
                } else {
                    break
                }
            }
            return values[index]
        }
    }
}
