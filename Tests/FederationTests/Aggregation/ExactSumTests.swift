import FederatedLearning
import Federation
import NeuralNetwork
import Tensors
import Testing

@Suite("Exact sum")
struct ExactSumTests {
    private static let layout: ParameterLayout = {
        var layout = ParameterLayout()
        _ = layout.register("encoder.weight", [40, 5], initialization: .constant(0))
        _ = layout.register("decoder.weight", [3], initialization: .constant(0))
        _ = layout.register("encoder.bias", [7], initialization: .constant(0))
        return layout
    }()

    private static func parameters(_ center: Int, scale: Float = 3) -> Parameters {
        var random = RandomStream(seed: 1, purpose: "sum", center)
        let flat = layout.zeros()
        for index in 0..<flat.count { flat.values[index] = scale * Float(random.uniform(in: -1...1)) }
        return flat
    }

    @Test("holds the federated entries only, in the layout's order")
    func entries() {
        let sum = ExactSum(Self.layout, Selection(below: ["encoder"]))
        #expect(sum.entries.map(\.name) == ["encoder.weight", "encoder.bias"])
        #expect(sum.sums.count == 207)
        #expect(ExactSum(Self.layout, Selection(below: ["enc", "encoder.w"])).entries.isEmpty)
        #expect(ExactSum(Self.layout, Selection(below: ["encoder.bias", "decoder"])).entries.count == 2)
    }

    @Test("has the same bits in any order and in any grouping")
    func order() throws {
        let weights = (0..<9).map { Double($0 + 1) / 45 }
        var expected = ExactSum(Self.layout, Selection(below: ["encoder"]))
        for center in 0..<9 { try expected.add(Self.parameters(center), weight: weights[center], center: "x") }
        var random = RandomStream(seed: 4, purpose: "orders")
        for ranks in 1...5 {
            // Each rank adds up some centers; the ranks' sums are added up in any order.
            var partial = [ExactSum](repeating: ExactSum(Self.layout, Selection(below: ["encoder"])), count: ranks)
            for center in random.permutation(of: 9) {
                try partial[random.index(below: ranks)].add(
                    Self.parameters(center), weight: weights[center], center: "x")
            }
            var total = partial[0]
            for rank in random.permutation(of: ranks) where rank > 0 {
                total.withSums { sums in
                    for index in sums.indices { sums[index] &+= partial[rank].sums[index] }
                }
            }
            #expect(total.sums == expected.sums)
        }
    }

    @Test("is the weighted mean of the values to float32's precision", arguments: [1e-6, 1, 30_000] as [Float])
    func exactness(_ scale: Float) throws {
        let weights = [0.2, 0.5, 0.3]
        let centers = (0..<3).map { Self.parameters($0, scale: scale) }
        var sum = ExactSum(Self.layout, Selection(below: ["encoder", "decoder"]))
        for (center, weight) in zip(centers, weights) { try sum.add(center, weight: weight, center: "x") }
        let result = Self.layout.zeros()
        sum.write(to: result)
        for index in 0..<result.count {
            let mean = zip(centers, weights).reduce(0) { $0 + $1.1 * Double($1.0.values[index]) }
            // Three roundings to 2⁻⁴⁰ and one to float32.
            #expect(abs(Double(result.values[index]) - mean) <= 1.5 * 0x1p-40 + abs(mean) * 0x1p-24)
        }
    }

    @Test("of equal models is that model, whatever their number", arguments: [1, 2, 4, 8, 64])
    func equal(_ count: Int) throws {
        let model = Self.parameters(0)
        var sum = ExactSum(Self.layout, Selection(below: ["encoder"]))
        for _ in 0..<count { try sum.add(model, weight: 1 / Double(count), center: "x") }
        let result = Self.parameters(1)
        let before = result.array
        sum.write(to: result)
        for entry in Self.layout.entries {
            let expected = entry.name.hasPrefix("encoder") ? model.array : before
            #expect(Array(result.array[entry.range]) == Array(expected[entry.range]))
        }
    }

    @Test("sums wrap around on the way and come out right")
    func wrapping() throws {
        var sum = ExactSum(Self.layout, Selection(below: ["encoder"]))
        let values = Self.layout.zeros()
        for index in 0..<values.count { values.values[index] = index % 2 == 0 ? -32_767 : 32_767 }
        // As unsigned integers, negative sums are beyond 2⁶³; a mask takes the others there, too.
        sum.withSums { sums in for index in sums.indices { sums[index] = .max - 5 } }
        try sum.add(values, weight: 1, center: "x")
        sum.withSums { sums in for index in sums.indices { sums[index] &-= .max - 5 } }
        let result = Self.layout.zeros()
        sum.write(to: result)
        #expect(sum.entries.allSatisfy { $0.range.allSatisfy { result.values[$0] == values.values[$0] } })
    }

    @Test(
        "a value that cannot be summed is an error that names center and parameter",
        arguments: [.nan, .infinity, -.infinity, 32_768, -32_768, 1e30] as [Float])
    func unsummable(_ value: Float) {
        let parameters = Self.parameters(0)
        parameters.values[Self.layout.entries[2].offset + 3] = value
        var sum = ExactSum(Self.layout, Selection(below: ["encoder"]))
        let error = #expect(throws: FederationError.self) {
            try sum.add(parameters, weight: 0.5, center: "center-07")
        }
        #expect(error?.subject == "encoder.bias of center center-07")
        #expect(error?.kind == .divergence && error?.exitStatus == 1)
        // What is not federated may hold anything.
        var other = ExactSum(Self.layout, Selection(below: ["decoder"]))
        #expect(throws: Never.self) { try other.add(parameters, weight: 0.5, center: "center-07") }
    }

    @Test("the largest values that can be summed")
    func largest() throws {
        let parameters = Self.layout.zeros()
        let largest = Float(0x1p15).nextDown
        for index in 0..<parameters.count { parameters.values[index] = index % 2 == 0 ? largest : -largest }
        var sum = ExactSum(Self.layout, Selection(below: ["encoder"]))
        for _ in 0..<2 { try sum.add(parameters, weight: 0.5, center: "x") }
        let result = parameters.copy()
        sum.write(to: result)
        #expect(result.array == parameters.array)
    }
}
