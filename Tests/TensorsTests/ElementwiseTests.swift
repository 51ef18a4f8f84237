import Tensors
import TestSupport
import Testing

@Suite("Elementwise arithmetic")
struct ElementwiseTests {
    static let shapes = [Shape(1, 1, 1, 1), Shape(2, 3, 5, 7), Shape(1, 129, 130, 4)]

    @Test("adds value by value, also over several blocks", arguments: shapes)
    func sum(_ shape: Shape) {
        let (a, b) = (Reference.tensor("a", shape), Reference.tensor("b", shape))
        let before = a.array
        let expected = zip(a.array, b.array).map { $0 + $1 }
        #expect(Elementwise.sum(a, b).array == expected)
        #expect(a.array == before, "a sum has memory of its own")
        Elementwise.add(b, to: a)
        #expect(a.array == expected)
    }

    @Test("products, distances and mixtures, also over several blocks and over a part", arguments: shapes)
    func products(_ shape: Shape) {
        let (a, b, c) = (Reference.tensor("a", shape), Reference.tensor("b", shape), Reference.tensor("c", shape))
        func doubles(_ tensor: Tensor) -> [Double] { tensor.array.map(Double.init) }
        let (x, y, z) = (doubles(a), doubles(b), doubles(c))
        for part in [0..<a.count, a.count / 3..<a.count, 0..<0] {
            let distance = part.reduce(0) { $0 + (x[$1] - y[$1]) * (x[$1] - y[$1]) }
            let product = part.reduce(0) { $0 + z[$1] * (x[$1] - y[$1]) }
            let size = part.reduce(0) { $0 + abs(z[$1] * (x[$1] - y[$1])) }
            #expect(abs(Elementwise.squaredDistance(a, b, in: part) - distance) <= 1e-12 * distance)
            #expect(abs(Elementwise.innerProduct(c, a, minus: b, in: part) - product) <= 1e-12 * size)
        }
        let mixture = Elementwise.mixture(a, b, share: 0.25)
        #expect(mixture.array == zip(a.array, b.array).map { 0.25 * $0 + 0.75 * $1 })
        let scaled = a.copy()
        Elementwise.scale(scaled, by: -3)
        #expect(scaled.array == a.array.map { -3 * $0 })
    }

    @Test("concatenates channels, the left ones first, and halves them again")
    func channels() {
        let left = Reference.tensor("left", Shape(2, 3, 4, 8))
        let right = Reference.tensor("right", Shape(2, 3, 4, 8))
        let both = Elementwise.concatenate(left, right)
        #expect(both.shape == Shape(2, 3, 4, 16))
        let (first, second) = (left.array, right.array)
        var expected: [Float] = []
        for position in 0..<24 {
            let channels = 8 * position..<8 * position + 8
            expected += Array(first[channels]) + Array(second[channels])
        }
        expectNear(both.array, expected) { "position \($0 / 16), channel \($0 % 16)" }
        let halves = Elementwise.halve(both)
        #expect(halves.0.array == left.array)
        #expect(halves.1.array == right.array)
    }

    @Test("concatenates different numbers of channels")
    func unequal() {
        let both = Elementwise.concatenate(
            Tensor(Shape(1, 1, 2, 1), values: [1, 2]), Tensor(Shape(1, 1, 2, 3), values: [3, 4, 5, 6, 7, 8]))
        #expect(both.array == [1, 3, 4, 5, 2, 6, 7, 8])
    }
}
