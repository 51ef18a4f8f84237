import NeuralNetwork
import Tensors
import Testing

@Suite("Attention with projections")
struct AttentionTests {
    @Test(
        "agrees with its definition in float64 and with that one's differences",
        arguments: [(8, 1), (16, 0.5), (24, 2)] as [(Int, Float)])
    func gradients(_ channels: Int, _ scale: Float) {
        var layout = ParameterLayout()
        let attention = Attention("attention", channels: channels, scale: scale, in: &layout)
        let parameters = Numbers.parameters(layout)
        let shape = Shape(depth: 2, height: 2, width: 3, channels: channels)
        let (queries, context) = (Numbers.tensor("queries", shape), Numbers.tensor("context", shape))
        let probe = Numbers.tensor("probe", shape)
        func definition(_ q: [Double], _ c: [Double], _ values: [Double]) -> [Double] {
            DoubleLayers(layout: layout, parameters: values, shape: shape)
                .attention(q, context: c, "attention", scale: Double(scale))
        }
        func product(_ q: [Double], _ c: [Double], _ values: [Double]) -> Double {
            Numbers.product(probe.array, definition(q, c, values))
        }
        let (q, c, values) = (Numbers.doubles(queries), Numbers.doubles(context), Numbers.doubles(parameters))
        let (output, saved) = attention.forward(queries, context: context, parameters)
        #expect(Numbers.relativeError(output.values, definition(q, c, values)) < 1e-5)

        let gradients = Numbers.parameters("overwritten", layout)
        let (byQueries, byContext) = attention.backward(probe, saved, parameters, into: Gradients(to: gradients))
        let expected = Numbers.differences(values) { product(q, c, $0) }
        #expect(Numbers.relativeError(byQueries.values, Numbers.differences(q) { product($0, c, values) }) < 1e-5)
        #expect(Numbers.relativeError(byContext.values, Numbers.differences(c) { product(q, $0, values) }) < 1e-5)
        #expect(Numbers.relativeError(gradients.values, expected) < 1e-5)
    }

    @Test("registers query, key, value and output, to half the channels and back")
    func names() {
        var layout = ParameterLayout()
        _ = Attention("a", channels: 16, scale: 1, in: &layout)
        #expect(
            layout.entries.map { "\($0.name) \($0.shape)" } == [
                "a.query.weight [8, 16, 1, 1, 1]", "a.query.bias [8]", "a.key.weight [8, 16, 1, 1, 1]",
                "a.key.bias [8]", "a.value.weight [8, 16, 1, 1, 1]", "a.value.bias [8]",
                "a.output.weight [16, 8, 1, 1, 1]", "a.output.bias [16]",
            ])
    }
}
