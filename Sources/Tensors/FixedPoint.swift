/// Numbers as multiples of a power of two in 64-bit integers, whose sums do not depend on their order.
package enum FixedPoint {
    /// Adds round(weight · value / unit) to each sum, wrapping around.
    /// - Parameters:
    ///   - values: as many as `sums`.
    ///   - bound: what the values' magnitudes must be below.
    ///   - unitsPerOne: 1 / unit, a power of two.
    /// - Returns: whether all values are finite and below the bound; otherwise the sums are of no use.
    package static func add(
        _ values: UnsafeBufferPointer<Float>, weight: Double, unitsPerOne: Double, bound: Float,
        to sums: UnsafeMutableBufferPointer<UInt64>
    ) -> Bool {
        require(values.count == sums.count, "\(values.count) values for \(sums.count) sums")
        guard let source = values.baseAddress, let target = sums.baseAddress else { return true }
        let blocks = (values.count + Elementwise.block - 1) / Elementwise.block
        return withUnsafeTemporaryAllocation(of: Bool.self, capacity: blocks) { areFine in
            // Each block has its own place for the answer.
            nonisolated(unsafe) let areFine = areFine
            nonisolated(unsafe) let (source, target) = (source, target)
            Elementwise.forEachBlock(values.count) { range in
                var strays: Int32 = 0
                for index in range {
                    let value = source[index]
                    strays |= value.magnitude < bound ? 0 : 1
                    let units = (weight * Double(value) * unitsPerOne).rounded(.toNearestOrEven)
                    target[index] &+= UInt64(bitPattern: Int64(value.magnitude < bound ? units : 0))
                }
                areFine[range.lowerBound / Elementwise.block] = strays == 0
            }
            return areFine.allSatisfy { $0 }
        }
    }

    /// The numbers that sums stand for.
    /// - Parameters:
    ///   - values: as many as `sums`.
    ///   - unitsPerOne: 1 / unit, a power of two.
    package static func convert(
        _ sums: UnsafeBufferPointer<UInt64>, unitsPerOne: Double, to values: UnsafeMutableBufferPointer<Float>
    ) {
        require(values.count == sums.count, "\(values.count) values for \(sums.count) sums")
        guard let source = sums.baseAddress, let target = values.baseAddress else { return }
        nonisolated(unsafe) let (from, to) = (source, target)
        // A power of two: the quotient is the same.
        let unit = 1 / unitsPerOne
        Elementwise.forEachBlock(sums.count) { range in
            for index in range { to[index] = Float(Double(Int64(bitPattern: from[index])) * unit) }
        }
    }
}
