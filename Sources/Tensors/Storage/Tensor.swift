/// A feature map of float32 values, channels last: value (z, y, x, c) is at `((z · height + y) · width + x) · channels + c`.
///
/// The memory is 64-byte aligned, comes from ``TensorPool`` and returns there when the last reference goes. Values are
/// undefined until written, except from ``zeros(_:)``.
package final class Tensor: @unchecked Sendable {
    /// The extents.
    package let shape: Shape
    /// The first value.
    package let base: UnsafeMutablePointer<Float>

    /// Takes memory for `shape`, with undefined values.
    package init(_ shape: Shape) {
        self.shape = shape
        base = TensorPool.shared.take(shape.count)
    }

    /// A flat array of undefined values.
    package convenience init(flat count: Int) {
        self.init(Shape(depth: 1, height: 1, width: 1, channels: count))
    }

    /// A tensor of zeros.
    package static func zeros(_ shape: Shape) -> Tensor {
        let tensor = Tensor(shape)
        Elementwise.forEachBlock(shape.count) { range in
            (tensor.base + range.lowerBound).update(repeating: 0, count: range.count)
        }
        return tensor
    }

    /// A tensor with the given values in (z, y, x, c) order.
    package convenience init(_ shape: Shape, values: [Float]) {
        require(values.count == shape.count, "\(values.count) values for a tensor of \(shape)")
        self.init(shape)
        values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { base.update(from: start, count: shape.count) }
        }
    }

    deinit { TensorPool.shared.give(base, shape.count) }

    /// Number of values.
    package var count: Int { shape.count }

    /// The values in memory order.
    package var values: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: base, count: shape.count)
    }

    /// The values as an array, in memory order.
    package var array: [Float] { Array(values) }

    /// The first value of a slice.
    func slice(_ index: Int) -> UnsafeMutablePointer<Float> {
        base + index &* shape.height &* shape.width &* shape.channels
    }

    /// A copy with memory of its own.
    package func copy() -> Tensor {
        let other = Tensor(shape)
        Elementwise.copy(self, to: other)
        return other
    }
}
