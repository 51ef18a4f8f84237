/// Maximum pooling (1, 2, 2): halves height and width, rounding down.
package enum MaximumPooling {
    /// The shape after pooling.
    package static func shape(_ input: Shape) -> Shape {
        Shape(depth: input.depth, height: input.height / 2, width: input.width / 2, channels: input.channels)
    }

    /// The largest of each 2 × 2 square, per channel. Channels must be a multiple of 4.
    package static func forward(_ input: Tensor) -> Tensor {
        require(input.shape.channels % 4 == 0, "pooling works on a multiple of 4 channels")
        let output = Tensor(shape(input.shape))
        let (low, high) = (output.shape, input.shape)
        Parallel.shared.loop(low.depth * low.height, .elementwise) { task in
            let slice = task / low.height
            let y = task % low.height
            for x in 0..<low.width {
                let corner = ((slice &* high.height &+ 2 &* y) &* high.width &+ 2 &* x) &* high.channels
                Square(
                    corner: input.base + corner, right: high.channels, down: high.width &* high.channels,
                    target: output.base + (task &* low.width &+ x) &* low.channels
                ).cover(0..<low.channels)
            }
        }
        return output
    }

    /// Adds the gradient by the output to the position that was the maximum: the first one where several are equal.
    /// - Parameters:
    ///   - gradient: by the pooled map.
    ///   - input: of the pooling, (depth, height, width, channels).
    ///   - target: the gradient by the input, to which is added.
    package static func backward(_ gradient: Tensor, input: Tensor, addingTo target: Tensor) {
        let (low, high) = (gradient.shape, input.shape)
        require(target.shape == high && low == shape(high), "pooling \(high) to \(low), gradient \(target.shape)")
        Parallel.shared.loop(low.depth * low.height, .elementwise) { task in
            let slice = task / low.height
            let y = task % low.height
            let channels = high.channels
            let down = high.width &* channels
            for x in 0..<low.width {
                let corner = ((slice &* high.height &+ 2 &* y) &* high.width &+ 2 &* x) &* channels
                let values = input.base + corner
                let sums = target.base + corner
                let source = gradient.base + (task &* low.width &+ x) &* channels
                SquareGradient(values: values, sums: sums, right: channels, down: down, gradient: source)
                    .cover(0..<channels)
            }
        }
    }

    private struct SquareGradient: ChannelKernel {
        let values: UnsafePointer<Float>
        let sums: UnsafeMutablePointer<Float>
        let right: Int
        let down: Int
        let gradient: UnsafePointer<Float>

        @inline(__always)
        func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
            let p = values + channel
            let (a, b, c, d) = (V(p), V(p + right), V(p + down), V(p + down + right))
            let largest = a.maximum(b).maximum(c.maximum(d))
            let source = V(gradient + channel)
            var open = V(repeating: 1)
            add(source.taken(where: a, equals: largest, open: &open), channel)
            add(source.taken(where: b, equals: largest, open: &open), channel &+ right)
            add(source.taken(where: c, equals: largest, open: &open), channel &+ down)
            add(source.taken(where: d, equals: largest, open: &open), channel &+ down &+ right)
        }

        @inline(__always)
        private func add<V: Lanes>(_ value: V, _ offset: Int) { (V(sums + offset) + value).store(sums + offset) }
    }

    private struct Square: ChannelKernel {
        let corner: UnsafePointer<Float>
        let right: Int
        let down: Int
        let target: UnsafeMutablePointer<Float>

        @inline(__always)
        func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
            let p = corner + channel
            V(p).maximum(V(p + right)).maximum(V(p + down).maximum(V(p + down + right))).store(target + channel)
        }
    }
}
