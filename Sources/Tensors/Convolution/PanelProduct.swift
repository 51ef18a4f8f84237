/// Products of matrices in ``Panels``: the multiplications of Winograd's algorithm.
///
/// These matrices are small and many, and already lie as a kernel wants to read them. Eight rows by 32 columns are
/// accumulated in sixteen registers over the whole inner dimension, which keeps the multiplication units busy from an
/// inner dimension of 8 on. A general library packs its operands first and is several times slower at such sizes.
struct PanelProduct {
    /// A part of the inner dimension: `steps` values of it that lie evenly in memory.
    struct Strip {
        /// Row 0 of the left operand at the first step.
        let left: UnsafePointer<Float>
        /// Floats from a row to the next.
        let rowStride: Int
        /// Floats from a step to the next.
        let stepStride: Int
        /// The panel of the right operand at the first step; steps are as far apart as the panel is wide.
        let right: UnsafePointer<Float>
        let steps: Int
    }

    /// The inner dimension, in the order in which it is summed.
    let strips: [Strip]
    /// Rows of the result.
    let rows: Int
    /// Columns of the result's panel: 32, 16, 8 or 4.
    let width: Int
    /// The result's panel, row after row.
    let result: UnsafeMutablePointer<Float>
    /// Whether the products are added to what is there.
    let accumulating: Bool

    /// Computes the panel. The bits of a row do not depend on how many there are.
    func multiply() {
        switch width {
        case 32: multiply(SIMD16<Float>.self, InlineArray<2, Void>.self)
        case 16: multiply(SIMD16<Float>.self, InlineArray<1, Void>.self)
        case 8: multiply(SIMD8<Float>.self, InlineArray<1, Void>.self)
        default: multiply(SIMD4<Float>.self, InlineArray<1, Void>.self)
        }
    }

    @inline(__always)
    private func multiply<V: Lanes, let vectors: Int>(_ lanes: V.Type, _ shape: InlineArray<vectors, Void>.Type) {
        strips.withUnsafeBufferPointer { strips in
            var row = 0
            while row &+ 8 <= rows {
                block(strips, row, lanes, shape, InlineArray<8, Void>.self)
                row &+= 8
            }
            if row &+ 4 <= rows {
                block(strips, row, lanes, shape, InlineArray<4, Void>.self)
                row &+= 4
            }
            while row < rows {
                block(strips, row, lanes, shape, InlineArray<1, Void>.self)
                row &+= 1
            }
        }
    }

    /// Rows `row ..< row + count`; the loops over `count` are unrolled, so that the sums stay in registers.
    @inline(__always)
    private func block<V: Lanes, let vectors: Int, let count: Int>(
        _ strips: UnsafeBufferPointer<Strip>, _ row: Int, _ lanes: V.Type, _ shape: InlineArray<vectors, Void>.Type,
        _ rows: InlineArray<count, Void>.Type
    ) {
        let target = result + row &* vectors &* V.count
        var first = InlineArray<count, V>(repeating: .zero)
        var second = InlineArray<count, V>(repeating: .zero)
        if accumulating {
            for r in 0..<count {
                first[unchecked: r] = V(target + r &* vectors &* V.count)
                if vectors == 2 { second[unchecked: r] = V(target + (r &* vectors &+ 1) &* V.count) }
            }
        }
        for strip in strips {
            var left = strip.left + row &* strip.rowStride
            var right = strip.right
            let rowStride = strip.rowStride
            for _ in 0..<strip.steps {
                let low = V(right)
                let high = vectors == 2 ? V(right + V.count) : .zero
                for r in 0..<count {
                    let value = V(repeating: left[r &* rowStride])
                    first[unchecked: r] = first[unchecked: r].adding(value, times: low)
                    if vectors == 2 { second[unchecked: r] = second[unchecked: r].adding(value, times: high) }
                }
                left += strip.stepStride
                right += vectors &* V.count
            }
        }
        for r in 0..<count {
            first[unchecked: r].store(target + r &* vectors &* V.count)
            if vectors == 2 { second[unchecked: r].store(target + (r &* vectors &+ 1) &* V.count) }
        }
    }
}
