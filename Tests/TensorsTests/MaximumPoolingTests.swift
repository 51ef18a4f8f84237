import Tensors
import Testing

@Suite("Maximum pooling")
struct MaximumPoolingTests {
    static let shapes = [
        Shape(1, 2, 2, 4), Shape(1, 3, 3, 4), Shape(2, 5, 4, 8), Shape(3, 4, 7, 12), Shape(2, 9, 11, 20),
        Shape(1, 7, 5, 132), Shape(4, 16, 16, 64),
    ]

    @Test("takes the largest of each square, and leaves out an odd last row and column", arguments: shapes)
    func forward(_ shape: Shape) {
        let input = Reference.tensor("input", shape)
        let output = MaximumPooling.forward(FeatureMap(input))
        #expect(output.shape == Shape(shape.depth, shape.height / 2, shape.width / 2, shape.channels))
        var expected = [Float](repeating: -.infinity, count: output.count)
        Self.forEachSquare(shape) { low, high in
            expected[low] = max(expected[low], input.base[high])
        }
        #expect(output.array == expected)
    }

    @Test("gives the gradient to the first largest of each square and adds it", arguments: shapes)
    func backward(_ shape: Shape) {
        // Three levels only: most squares have ties.
        let input = Tensor(shape, values: Reference.values("ties", shape.count).map { ($0 * 1.5).rounded() })
        let gradient = Reference.tensor("gradient", MaximumPooling.shape(shape))
        let target = Reference.tensor("target", shape)
        var expected = target.array
        var open = [Bool](repeating: true, count: gradient.count)
        let largest = MaximumPooling.forward(FeatureMap(input))
        Self.forEachSquare(shape) { low, high in
            guard open[low], input.base[high] == largest.base[low] else { return }
            open[low] = false
            expected[high] += gradient.base[low]
        }
        MaximumPooling.backward(gradient, input: FeatureMap(input), addingTo: target)
        #expect(target.array == expected)
    }

    /// Calls `body(output index, input index)` for the four positions of every square, in reading order.
    private static func forEachSquare(_ shape: Shape, _ body: (_ low: Int, _ high: Int) -> Void) {
        let (height, width) = (shape.height / 2, shape.width / 2)
        for z in 0..<shape.depth {
            for y in 0..<2 * height {
                for x in 0..<2 * width {
                    for channel in 0..<shape.channels {
                        body(
                            ((z * height + y / 2) * width + x / 2) * shape.channels + channel,
                            ((z * shape.height + y) * shape.width + x) * shape.channels + channel)
                    }
                }
            }
        }
    }
}
