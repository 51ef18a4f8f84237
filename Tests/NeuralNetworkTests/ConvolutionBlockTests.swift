import NeuralNetwork
import Tensors
import Testing

@Suite("Convolution block")
struct ConvolutionBlockTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let inputs: Int
        let middle: Int
        let outputs: Int
        let depth: Int
        let height: Int
        let width: Int

        var testDescription: String { "\(inputs) → \(middle) → \(outputs) on \(depth)×\(height)×\(width)" }
        var shape: Shape { Shape(depth: depth, height: height, width: width, channels: inputs) }
    }

    static let cases = [
        Case(inputs: 1, middle: 4, outputs: 8, depth: 2, height: 3, width: 4),
        Case(inputs: 4, middle: 4, outputs: 4, depth: 1, height: 5, width: 3),
        Case(inputs: 3, middle: 8, outputs: 4, depth: 3, height: 2, width: 3),
    ]

    @Test("agrees with its definition in float64 and with that one's differences", arguments: cases)
    func gradients(_ row: Case) {
        var layout = ParameterLayout()
        let block = ConvolutionBlock(
            "block", inputs: row.inputs, middle: row.middle, outputs: row.outputs, in: &layout)
        let parameters = Numbers.parameters(layout)
        let input = Numbers.tensor("input", row.shape)
        let probe = Numbers.tensor("probe", row.shape.with(channels: row.outputs))
        func definition(_ x: [Double], _ values: [Double]) -> [Double] {
            DoubleLayers(layout: layout, parameters: values, shape: row.shape).block(x, "block")
        }
        let (x, values) = (Numbers.doubles(input), Numbers.doubles(parameters))
        var (output, saved) = block.forward(FeatureMap(input), parameters)
        #expect(Numbers.relativeError(output.written().values, definition(x, values)) < 1e-5)

        let gradients = Numbers.parameters("overwritten", layout)
        let byInput = block.backward(
            probe.copy(), input: { FeatureMap(input) }, &saved, parameters, into: Gradients(to: gradients))
        let expectedInput = Numbers.differences(x) { Numbers.product(probe.array, definition($0, values)) }
        #expect(Numbers.relativeError(byInput?.written().array ?? [], expectedInput) < 1e-5)
        #expect(byInput?.shape == row.shape)
        let expected = Numbers.differences(values) { Numbers.product(probe.array, definition(x, $0)) }
        #expect(Numbers.relativeError(gradients.values, expected) < 1e-5)
    }

    @Test("infers the same bits as it trains with", arguments: cases)
    func infer(_ row: Case) {
        var layout = ParameterLayout()
        let block = ConvolutionBlock(
            "block", inputs: row.inputs, middle: row.middle, outputs: row.outputs, in: &layout)
        let parameters = Numbers.parameters(layout)
        let input = Numbers.tensor("input", row.shape)
        let before = input.array
        let map = FeatureMap(input)
        #expect(
            block.infer(map, parameters).written().array == block.forward(map, parameters).output.written().array)
        #expect(input.array == before)
    }

    @Test("writes the same parameters' gradients where its input's is not asked for")
    func withoutInput() {
        var layout = ParameterLayout()
        let block = ConvolutionBlock("block", inputs: 1, middle: 4, outputs: 8, in: &layout)
        let parameters = Numbers.parameters(layout)
        let input = Numbers.tensor("input", Shape(depth: 2, height: 9, width: 7, channels: 1))
        let gradient = Numbers.tensor("gradient", input.shape.with(channels: 8))
        let (all, some) = (layout.zeros(), layout.zeros())
        let map = FeatureMap(input)
        var saved = block.forward(map, parameters).saved
        var again = saved
        _ = block.backward(gradient.copy(), input: { map }, &saved, parameters, into: Gradients(to: all))
        let none = block.backward(
            gradient.copy(), input: { map }, &again, parameters, into: Gradients(to: some), room: nil)
        #expect(none == nil)
        #expect(some.array == all.array)
    }
}
