/// Products of matrices in ``Panels``: the engine's multiplications.
///
/// Eight rows by 32 columns are accumulated in sixteen registers over the whole inner dimension, which keeps the
/// multiplication units busy from an inner dimension of 8 on. Winograd's matrices are small and many, and already lie as
/// this kernel reads them; a general library packs its operands first and is several times slower at such sizes.
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

    /// What the sums are added to.
    enum Start {
        case zero
        /// What is in the result's place: sums of many parts lose less to rounding than one long sum.
        case result
        /// The same values in every row, one for each column of the panel.
        case row(UnsafePointer<Float>)
    }

    /// Rows of the result.
    let rows: Int
    /// Columns of the result's panel: 32, 16, 8 or 4.
    let width: Int
    /// The result's panel, and floats from a row to the next.
    let result: UnsafeMutablePointer<Float>
    let resultStride: Int
    let start: Start

    /// Computes the panel over an inner dimension of one strip.
    @inline(__always)
    func multiply(_ strip: Strip) {
        withUnsafePointer(to: strip) { multiply(UnsafeBufferPointer(start: $0, count: 1)) }
    }

    /// Computes the panel over the strips' inner dimension, in their order. The bits of a row do not depend on how many
    /// there are.
    func multiply(_ strips: UnsafeBufferPointer<Strip>) {
        switch width {
        #if WIDE_VECTORS
            case 32: multiply(strips, SIMD16<Float>.self, InlineArray<2, Void>.self, InlineArray<8, Void>.self, from: 0)
            case 16: multiply(strips, SIMD16<Float>.self, InlineArray<1, Void>.self, InlineArray<8, Void>.self, from: 0)
        #else
            // Sixteen vectors of half the width or less: four rows by sixteen columns fill them.
            case 32:
                multiply(strips, SIMD16<Float>.self, InlineArray<1, Void>.self, InlineArray<4, Void>.self, from: 0)
                multiply(strips, SIMD16<Float>.self, InlineArray<1, Void>.self, InlineArray<4, Void>.self, from: 16)
            case 16: multiply(strips, SIMD16<Float>.self, InlineArray<1, Void>.self, InlineArray<4, Void>.self, from: 0)
        #endif
        case 8: multiply(strips, SIMD8<Float>.self, InlineArray<1, Void>.self, InlineArray<8, Void>.self, from: 0)
        default: multiply(strips, SIMD4<Float>.self, InlineArray<1, Void>.self, InlineArray<8, Void>.self, from: 0)
        }
    }

    @inline(__always)
    private func multiply<V: Lanes, let vectors: Int, let count: Int>(
        _ strips: UnsafeBufferPointer<Strip>, _ lanes: V.Type, _ shape: InlineArray<vectors, Void>.Type,
        _ block: InlineArray<count, Void>.Type, from column: Int
    ) {
        var row = 0
        while row &+ count <= rows {
            self.block(strips, row, lanes, shape, block, from: column)
            row &+= count
        }
        if count > 4, row &+ 4 <= rows {
            self.block(strips, row, lanes, shape, InlineArray<4, Void>.self, from: column)
            row &+= 4
        }
        if count > 2, row &+ 2 <= rows {
            self.block(strips, row, lanes, shape, InlineArray<2, Void>.self, from: column)
            row &+= 2
        }
        while row < rows {
            self.block(strips, row, lanes, shape, InlineArray<1, Void>.self, from: column)
            row &+= 1
        }
    }

    /// Rows `row ..< row + count`; the loops over `count` are unrolled, so that the sums stay in registers.
    @inline(__always)
    private func block<V: Lanes, let vectors: Int, let count: Int>(
        _ strips: UnsafeBufferPointer<Strip>, _ row: Int, _ lanes: V.Type, _ shape: InlineArray<vectors, Void>.Type,
        _ rows: InlineArray<count, Void>.Type, from column: Int
    ) {
        let target = result + (row &* resultStride &+ column)
        let width = self.width
        var first = InlineArray<count, V>(repeating: .zero)
        var second = InlineArray<count, V>(repeating: .zero)
        for strip in strips {
            // Three pointers reach eight rows by the processor's own address arithmetic; one that walks from row to row
            // would make a chain of additions as long as the multiplications take.
            let rowStride = strip.rowStride
            var top = strip.left + row &* rowStride
            var middle = top + 3 &* rowStride
            var bottom = top + 6 &* rowStride
            var right = strip.right + column
            for _ in 0..<strip.steps {
                let low = V(right)
                let high = vectors == 2 ? V(right + V.count) : .zero
                for r in 0..<count {
                    let pointer = r < 3 ? top : r < 6 ? middle : bottom
                    let value = V(repeating: pointer[(r % 3) &* rowStride])
                    first[unchecked: r] = first[unchecked: r].adding(value, times: low)
                    if vectors == 2 { second[unchecked: r] = second[unchecked: r].adding(value, times: high) }
                }
                top += strip.stepStride
                middle += strip.stepStride
                bottom += strip.stepStride
                right += width
            }
        }
        switch start {
        case .zero: break
        case .result:
            for r in 0..<count {
                first[unchecked: r] = first[unchecked: r] + V(target + r &* resultStride)
                if vectors == 2 {
                    second[unchecked: r] = second[unchecked: r] + V(target + (r &* resultStride &+ V.count))
                }
            }
        case .row(let values):
            for r in 0..<count {
                first[unchecked: r] = first[unchecked: r] + V(values + column)
                if vectors == 2 { second[unchecked: r] = second[unchecked: r] + V(values + (column &+ V.count)) }
            }
        }
        for r in 0..<count {
            first[unchecked: r].store(target + r &* resultStride)
            if vectors == 2 { second[unchecked: r].store(target + (r &* resultStride &+ V.count)) }
        }
    }
}
