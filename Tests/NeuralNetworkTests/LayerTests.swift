import NeuralNetwork
import Tensors
import Testing

@Suite("Layers register their parameters as PyTorch names, shapes and initializes them")
struct LayerTests {
    @Test("convolution, pointwise convolution, transposed convolution, normalization")
    func registration() {
        var layout = ParameterLayout()
        _ = ConvolutionLayer("conv", taps: 3, inputs: 4, outputs: 8, in: &layout)
        _ = PointwiseLayer("head", inputs: 8, outputs: 3, in: &layout)
        _ = UpsamplingLayer("up", inputs: 16, outputs: 6, in: &layout)
        _ = NormalizationLayer("norm", channels: 12, rectified: true, in: &layout)
        #expect(
            layout.entries.map { "\($0.name) \($0.shape)" } == [
                "conv.weight [8, 4, 3, 3, 3]", "conv.bias [8]", "head.weight [3, 8, 1, 1, 1]", "head.bias [3]",
                "up.weight [16, 6, 1, 2, 2]", "up.bias [6]", "norm.weight [12]", "norm.bias [12]",
            ])
        // What PyTorch's init._calculate_fan_in_and_fan_out says of these shapes.
        let fanIns = layout.entries.map { entry -> Int in
            guard case .uniform(let fanIn) = entry.initialization else { return 0 }
            return fanIn
        }
        #expect(fanIns == [108, 108, 8, 8, 24, 24, 0, 0])
    }

    @Test("a normalization gives the same bits again from what it kept")
    func normalization() {
        var layout = ParameterLayout()
        let layer = NormalizationLayer("norm", channels: 12, rectified: true, in: &layout)
        let parameters = Numbers.parameters(layout)
        let input = Numbers.tensor("input", Shape(depth: 2, height: 5, width: 3, channels: 12))
        let (output, saved) = layer.forward(input, parameters)
        #expect(layer.output(saved, parameters).written().array == output.written().array)
    }

    @Test("Adam counts its steps and keeps its moments")
    func adam() {
        var layout = ParameterLayout()
        _ = layout.register("a", [100], initialization: .uniform(fanIn: 1))
        let parameters = layout.initialValues(seed: 1)
        let expected = parameters.copy()
        let adam = Adam(layout)
        #expect(adam.steps == [0])
        #expect(adam.firstMoment.array == layout.zeros().array)
        let (first, second) = (layout.zeros(), layout.zeros())
        for step in 1...3 {
            let gradients = Numbers.parameters("gradients \(step)", layout)
            adam.update(parameters, gradients: gradients, rate: 0.01)
            AdamUpdate(rate: 0.01, step: step).apply(
                expected.tensor, gradients: gradients.tensor, firstMoment: first.tensor, secondMoment: second.tensor)
        }
        #expect(adam.steps == [3])
        #expect(parameters.array == expected.array)
        #expect(adam.firstMoment.array == first.array)
        #expect(adam.secondMoment.array == second.array)
    }

    @Test("a step is the same whether gradients come all at once or layer by layer, in any order")
    func layerByLayer() {
        var layout = ParameterLayout()
        _ = layout.register("a", [100], initialization: .uniform(fanIn: 1))
        let (parameters, average) = (layout.initialValues(seed: 1), layout.initialValues(seed: 2))
        let (expected, expectedAverage) = (parameters.copy(), average.copy())
        let (adam, whole) = (Adam(layout), Adam(layout))
        for step in 1...3 {
            let gradients = Numbers.parameters("gradients \(step)", layout)
            whole.update(expected, gradients: gradients, rate: 0.01, average: expectedAverage, momentum: 0.75)
            let taken = adam.step(parameters, rate: 0.01, average: average, momentum: 0.75)
            for range in [60..<100, 0..<7, 7..<60] {
                let before = parameters.array
                taken.write(range) { values in
                    values.update(from: gradients.tensor.base + range.lowerBound, count: range.count)
                    #expect(parameters.array == before, "a layer's parameters stay until its gradients are written")
                }
                #expect(parameters.array[range] == expected.array[range])
            }
        }
        #expect(adam.steps == [3])
        #expect(average.array == expectedAverage.array)
        #expect(adam.firstMoment.array == whole.firstMoment.array)
        #expect(adam.secondMoment.array == whole.secondMoment.array)
    }

    @Test("groups of parameters take their steps apart: what does not step keeps its value, moments and count")
    func groups() {
        var layout = ParameterLayout()
        _ = layout.register("a", [70], initialization: .uniform(fanIn: 1))
        _ = layout.register("b", [30], initialization: .uniform(fanIn: 1))
        let parameters = layout.initialValues(seed: 1)
        let adam = Adam(layout, groups: [[0..<70], [70..<100]])
        let gradients = Numbers.parameters("gradients", layout)
        adam.update(parameters, gradients: gradients, rate: 0.01, groups: [0])
        let before = parameters.copy()
        for _ in 0..<2 { adam.update(parameters, gradients: gradients, rate: 0.01, groups: [1]) }
        #expect(adam.steps == [1, 2])
        #expect(parameters.array.prefix(70).elementsEqual(before.array.prefix(70)))
        // As if the second were alone.
        var alone = ParameterLayout()
        _ = alone.register("b", [30], initialization: .uniform(fanIn: 1))
        let (values, wanted) = (alone.zeros(), Adam(alone))
        let own = alone.zeros()
        _ = values[0..<30].update(from: layout.initialValues(seed: 1)[70..<100])
        _ = own[0..<30].update(from: gradients[70..<100])
        for _ in 0..<2 { wanted.update(values, gradients: own, rate: 0.01) }
        #expect(Array(parameters.array.suffix(30)) == values.array)
        #expect(Array(adam.firstMoment.array.suffix(30)) == wanted.firstMoment.array)
    }
}
