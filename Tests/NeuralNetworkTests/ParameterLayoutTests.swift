import NeuralNetwork
import Tensors
import Testing

@Suite("Parameter layout")
struct ParameterLayoutTests {
    struct Order: CustomTestStringConvertible, Sendable {
        let order: ParameterLayout.MemoryOrder
        let shape: [Int]
        /// The place in memory of each axis's step, axes in PyTorch's order.
        let strides: [Int]

        var testDescription: String { "\(order) \(shape)" }
    }

    static let orders = [
        Order(order: .natural, shape: [7], strides: [1]),
        // (kD, kH, kW, in, out)
        Order(order: .convolution, shape: [5, 2, 3, 3, 3], strides: [1, 5, 90, 30, 10]),
        Order(order: .convolution, shape: [4, 3, 1, 1, 1], strides: [1, 4, 0, 0, 0]),
        Order(order: .convolution, shape: [8, 1, 1, 3, 3], strides: [1, 0, 0, 24, 8]),
        // (in, kD, kH, kW, out)
        Order(order: .transposedConvolution, shape: [3, 5, 1, 2, 2], strides: [20, 1, 0, 10, 5]),
    ]

    @Test("places are in the order of registration, without gaps")
    func places() {
        var layout = ParameterLayout()
        let first = layout.register("a", [2, 3], initialization: .constant(0))
        let second = layout.register("b", [4], initialization: .constant(1))
        let third = layout.register("c", [1, 2, 1, 1, 1], order: .convolution, initialization: .uniform(fanIn: 2))
        #expect([first, second, third].map(\.offset) == [0, 6, 10])
        #expect(layout.count == 12)
        #expect(layout.entries.map(\.name) == ["a", "b", "c"])
        #expect(layout.entries.map(\.range) == [0..<6, 6..<10, 10..<12])
        #expect(layout.zeros().array == [Float](repeating: 0, count: 12))
    }

    @Test("every value of PyTorch's is where the order of axes in memory says", arguments: orders)
    func order(_ row: Order) {
        var layout = ParameterLayout()
        _ = layout.register("before", [3], initialization: .constant(0))
        let start = layout.register("weight", row.shape, order: row.order, initialization: .constant(0))
        _ = layout.register("after", [2], initialization: .constant(0))
        let entry = layout["weight"]
        let flat = layout.zeros()
        let values = (1...entry.count).map { Float($0) }
        entry.setPytorchValues(values, in: flat)
        for (number, value) in values.enumerated() {
            var rest = number
            var place = start.offset
            for (extent, stride) in zip(row.shape, row.strides).reversed() {
                place += rest % extent * stride
                rest /= extent
            }
            #expect(flat.values[place] == value)
        }
        #expect(entry.pytorchValues(flat) == values)
        #expect(flat.array.prefix(3) == [0, 0, 0])
        #expect(flat.array.suffix(2) == [0, 0])
    }

    @Test("initial values fill the bounds of their fan-in")
    func bounds() {
        var layout = ParameterLayout()
        _ = layout.register("wide", [40, 30, 1, 3, 3], order: .convolution, initialization: .uniform(fanIn: 270))
        _ = layout.register("one", [16], initialization: .constant(1))
        let values = layout["wide"].pytorchValues(layout.initialValues(seed: 1)).map(Double.init)
        let bound = 1 / 270.0.squareRoot()
        #expect(values.allSatisfy { abs($0) <= bound })
        #expect((values.max() ?? 0) > 0.99 * bound)
        #expect((values.min() ?? 0) < -0.99 * bound)
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        #expect(abs(deviation / bound - 1 / 3.0.squareRoot()) < 0.01)
        #expect(layout["one"].pytorchValues(layout.initialValues(seed: 1)).allSatisfy { $0 == 1 })
    }

    @Test("initial values depend on the seed and the name alone, not on what else is registered")
    func names() {
        func values(seed: UInt64, name: String, after others: Int) -> [Float] {
            var layout = ParameterLayout()
            for other in 0..<others {
                _ = layout.register("other\(other)", [5], initialization: .uniform(fanIn: 4))
            }
            _ = layout.register(name, [8, 4, 1, 3, 3], order: .convolution, initialization: .uniform(fanIn: 36))
            return layout[name].pytorchValues(layout.initialValues(seed: seed))
        }
        let expected = values(seed: 1, name: "a.weight", after: 0)
        #expect(values(seed: 1, name: "a.weight", after: 3) == expected)
        let others = [
            values(seed: 2, name: "a.weight", after: 0), values(seed: 1, name: "b.weight", after: 0),
        ]
        for other in others {
            #expect(zip(other, expected).count { $0 == $1 } == 0)
        }
    }
}
