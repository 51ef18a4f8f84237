/// Maximum pooling (1, 2, 2): halves height and width, rounding down.
package enum MaximumPooling {
    /// The shape after pooling.
    package static func shape(_ input: Shape) -> Shape {
        Shape(depth: input.depth, height: input.height / 2, width: input.width / 2, channels: input.channels)
    }

    /// The largest of each 2 × 2 square, per channel. Channels must be a multiple of 4.
    package static func forward(_ input: FeatureMap) -> Tensor {
        require(input.shape.channels % 4 == 0, "pooling works on a multiple of 4 channels")
        let output = Tensor(shape(input.shape))
        let (low, high) = (output.shape, input.shape)
        let (values, normalization) = read(input)
        Parallel.shared.loop(low.depth * low.height, .elementwise) { task in
            let (slice, y, reading) = (task / low.height, task % low.height, normalization?.reading)
            for x in 0..<low.width {
                let corner = ((slice &* high.height &+ 2 &* y) &* high.width &+ 2 &* x) &* high.channels
                Square(
                    corner: values.base + corner, right: high.channels, down: high.width &* high.channels,
                    normalization: reading, target: output.base + (task &* low.width &+ x) &* low.channels
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
    package static func backward(_ gradient: Tensor, input: FeatureMap, addingTo target: Tensor) {
        let (low, high) = (gradient.shape, input.shape)
        let (tensor, normalization) = read(input)
        require(target.shape == high && low == shape(high), "pooling \(high) to \(low), gradient \(target.shape)")
        Parallel.shared.loop(low.depth * low.height, .elementwise) { task in
            let (slice, y, reading) = (task / low.height, task % low.height, normalization?.reading)
            let channels = high.channels
            let down = high.width &* channels
            for x in 0..<low.width {
                let corner = ((slice &* high.height &+ 2 &* y) &* high.width &+ 2 &* x) &* channels
                let values = tensor.base + corner
                let sums = target.base + corner
                let source = gradient.base + (task &* low.width &+ x) &* channels
                SquareGradient(
                    values: values, normalization: reading, sums: sums, right: channels, down: down,
                    gradient: source
                ).cover(0..<channels)
            }
        }
    }

    /// The tensor that holds a map position by position, and how its values are normalized when they are read.
    private static func read(_ map: FeatureMap) -> (Tensor, FeatureMap.Normalization?) {
        let part = map.parts[0]
        guard map.parts.count == 1, case .rows = part.arrangement else { return (map.written(), nil) }
        return (part.tensor, part.normalization)
    }

    private struct SquareGradient: ReadingKernel {
        let values: UnsafePointer<Float>
        let normalization: ReadNormalization?
        let sums: UnsafeMutablePointer<Float>
        let right: Int
        let down: Int
        let gradient: UnsafePointer<Float>

        @inline(__always)
        func run<Reader: LanesReader>(_ channel: Int, _ reader: Reader) {
            let p = values + channel
            let (a, b, c, d) = (
                reader.read(p), reader.read(p + right), reader.read(p + down), reader.read(p + down + right)
            )
            let largest = a.maximum(b).maximum(c.maximum(d))
            let source = Reader.Vector(gradient + channel)
            var open = Reader.Vector(repeating: 1)
            add(source.taken(where: a, equals: largest, open: &open), channel)
            add(source.taken(where: b, equals: largest, open: &open), channel &+ right)
            add(source.taken(where: c, equals: largest, open: &open), channel &+ down)
            add(source.taken(where: d, equals: largest, open: &open), channel &+ down &+ right)
        }

        @inline(__always)
        private func add<V: Lanes>(_ value: V, _ offset: Int) { (V(sums + offset) + value).store(sums + offset) }
    }

    private struct Square: ReadingKernel {
        let corner: UnsafePointer<Float>
        let right: Int
        let down: Int
        let normalization: ReadNormalization?
        let target: UnsafeMutablePointer<Float>

        @inline(__always)
        func run<Reader: LanesReader>(_ channel: Int, _ reader: Reader) {
            let p = corner + channel
            let upper = reader.read(p).maximum(reader.read(p + right))
            let lower = reader.read(p + down).maximum(reader.read(p + down + right))
            upper.maximum(lower).store(target + channel)
        }
    }
}
