import Foundation
import Tensors
import Testing

@Suite("Fourier transforms")
struct FourierTransformTests {
    private typealias Complex = FourierTransform.Complex

    private func numbers(_ count: Int) -> [Complex] {
        var random = RandomStream(seed: 1, purpose: "fourier")
        return (0..<count).map { _ in Complex(random.uniform() - 0.5, random.uniform() - 0.5) }
    }

    private func difference(_ a: [Complex], _ b: [Complex]) -> Double {
        zip(a, b).reduce(0) { max($0, (($1.0 - $1.1) * ($1.0 - $1.1)).sum().squareRoot()) }
    }

    @Test(
        "as the sum that defines it, for lengths of small, large and repeated prime factors",
        arguments: [1, 2, 3, 8, 12, 27, 35, 96, 97, 216])
    func definition(_ count: Int) {
        let values = numbers(count)
        let expected = (0..<count).map { frequency in
            values.enumerated().reduce(Complex.zero) { sum, next in
                let angle = -2 * Double.pi * Double(frequency * next.offset % count) / Double(count)
                return sum + FourierTransform.product(next.element, Complex(cos(angle), sin(angle)))
            }
        }
        var found = values
        FourierTransform(count).forward(&found)
        #expect(difference(found, expected) < 1e-12 * Double(count))
        FourierTransform(count).inverse(&found)
        #expect(difference(found, values) < 1e-14 * Double(count))
    }

    @Test("a matrix along both axes, and back")
    func matrix() {
        let (rows, columns) = (6, 10)
        let values = numbers(rows * columns).map { Float($0.x) }
        let found = FourierTransform.forward(values, rows: rows, columns: columns)
        for (row, column) in [(0, 0), (1, 0), (0, 3), (5, 9)] {
            var expected = Complex.zero
            for y in 0..<rows {
                for x in 0..<columns {
                    let turns = Double(row * y) / Double(rows) + Double(column * x) / Double(columns)
                    expected += Double(values[y * columns + x]) * Complex(cos(2 * .pi * turns), -sin(2 * .pi * turns))
                }
            }
            #expect(difference([found[row * columns + column]], [expected]) < 1e-12)
        }
        #expect(FourierTransform.inverse(found, rows: rows, columns: columns) == values)
    }
}
