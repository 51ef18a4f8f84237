import Tensors
import TestSupport
import Testing

/// The threads of a process are chosen once, for all that it does; so each of these tests runs in a process of its own.
@Suite("Compute threads")
struct ParallelTests {
    @Test("run every task exactly once, whatever their number")
    func everyTaskOnce() async {
        await #expect(processExitsWith: .success) {
            for threads in [1, 2, 3, 5] {
                Parallel.configure(threads: threads)
                holds(Parallel.shared.threads, equals: threads)
                for count in [0, 1, 2, 3, 7, 64, 1001] {
                    let runs = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
                    runs.initialize(repeating: 0)
                    Parallel.shared.loop(count) { runs[$0] += 1 }
                    holds(runs.allSatisfy { $0 == 1 }, "\(count) tasks on \(threads) threads")
                    runs.deallocate()
                }
            }
        }
    }

    @Test("see what was written before a loop, and their writes are seen after it")
    func manyLoops() async {
        await #expect(processExitsWith: .success) {
            Parallel.configure(threads: 3)
            var values = [Int](repeating: 0, count: 17)
            values.withUnsafeMutableBufferPointer { values in
                for _ in 0..<5000 { Parallel.shared.loop(17) { values[$0] += 1 } }
            }
            holds(values, equals: [Int](repeating: 5000, count: 17))
        }
    }

    @Test("wake up again after they have slept")
    func sleep() async {
        await #expect(processExitsWith: .success) {
            Parallel.configure(threads: 2)
            for _ in 0..<5 {
                var values = [0, 0]
                values.withUnsafeMutableBufferPointer { values in Parallel.shared.loop(2) { values[$0] = 1 } }
                holds(values, equals: [1, 1])
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("make no difference to any kernel's bits")
    func sameBits() async {
        await #expect(processExitsWith: .success) {
            let expected = KernelBits.all()
            for threads in [2, 3] {
                Parallel.configure(threads: threads)
                for (kernel, bits) in KernelBits.all() { holds(bits == expected[kernel], "\(kernel)") }
            }
        }
    }

    @Test("are at least one")
    func none() async {
        await #expect(processExitsWith: .failure) { Parallel.configure(threads: 0) }
    }
}

/// Every kernel's results as bits, for comparing them.
enum KernelBits {
    static func all() -> [String: [UInt32]] {
        var results: [String: [UInt32]] = [:]
        func record(_ name: String, _ values: [Float]) { results[name] = values.map(\.bitPattern) }

        for (name, convolution, shape) in [
            ("gathered", Convolution(taps: 3, inputs: 12, outputs: 20), Shape(3, 7, 9, 12)),
            ("gathered, many", Convolution(taps: 1, inputs: 3, outputs: 8), Shape(3, 33, 35, 3)),
            ("tiles", Convolution(taps: 3, inputs: 16, outputs: 24), Shape(4, 38, 42, 16)),
            ("tiles of six", Convolution(taps: 3, inputs: 48, outputs: 44), Shape(3, 29, 31, 48)),
            ("tiles, wide", Convolution(taps: 3, inputs: 128, outputs: 132), Shape(2, 25, 26, 128)),
            ("tiles, blocks of weights", Convolution(taps: 3, inputs: 200, outputs: 204), Shape(2, 12, 13, 200)),
            ("first", Convolution(taps: 1, inputs: 1, outputs: 8), Shape(3, 40, 44, 1)),
        ] {
            let input = Reference.tensor("input", shape)
            let gradient = Reference.tensor("gradient", shape.with(channels: convolution.outputs))
            let weight = Reference.values("weight", convolution.weightCount)
            let bias = Reference.values("bias", convolution.outputs)
            var byWeight = weight
            var byBias = bias
            record(name + " forward", convolution.forward(FeatureMap(input), weight: weight, bias: bias).array)
            record(name + " backward", convolution.backwardData(gradient, weight: weight).array)
            convolution.backwardWeights(FeatureMap(input), gradient, weight: &byWeight, bias: &byBias)
            record(name + " weights", byWeight + byBias)
        }
        layers(record)
        losses(record)
        return results
    }

    private static func layers(_ record: (String, [Float]) -> Void) {
        let shape = Shape(3, 37, 39, 20)
        let input = Reference.tensor("input", shape)
        let gradient = Reference.tensor("gradient", shape)
        let weight = Reference.values("weight", 20 * 40)
        let bias = Reference.values("bias", 40)
        var byWeight = weight
        var byBias = bias

        let norm = GroupNormalization(channels: 20, slope: 0.01)
        record("norm", norm.output(input, norm.statistics(input), weight: weight, bias: bias).written().array)
        let changed = gradient.copy()
        norm.backward(
            changed, input: input, norm.statistics(input), weight: weight, bias: bias, weightGradient: &byWeight,
            biasGradient: &byBias)
        record("norm backward", changed.array + byWeight + byBias)

        let pooled = MaximumPooling.forward(FeatureMap(input))
        record("pooling", pooled.array)
        let unpooled = gradient.copy()
        MaximumPooling.backward(pooled, input: FeatureMap(input), addingTo: unpooled)
        record("pooling backward", unpooled.array)

        let pointwise = PointwiseConvolution(inputs: 20, outputs: 3)
        let few = Reference.tensor("few", shape.with(channels: 3))
        record("pointwise", pointwise.forward(FeatureMap(input), weight: weight, bias: bias).array)
        record("pointwise backward", pointwise.backwardData(few, weight: weight).array)
        pointwise.backwardWeights(FeatureMap(input), few, weight: &byWeight, bias: &byBias)
        record("pointwise weights", byWeight + byBias)

        let up = TransposedConvolution(inputs: 20, outputs: 8)
        let low = Reference.tensor("low", Shape(3, 18, 19, 20))
        record("up", up.forward(FeatureMap(low), extent: input.shape, weight: weight, bias: bias).written().array)
        let corners = Reference.tensor("corners", low.shape.with(channels: 32))
        record("up backward", up.backwardData(corners: corners, weight: weight).array)
        up.backwardWeights(FeatureMap(low), corners: corners, weight: &byWeight, bias: &byBias)
        record("up weights", byWeight + byBias)

        let attention = DotProductAttention()
        let queries = Reference.tensor("queries", Shape(2, 9, 11, 24))
        let keys = Reference.tensor("keys", queries.shape)
        let values = Reference.tensor("values", queries.shape)
        let attended = attention.forward(queries: queries, keys: keys, values: values)
        record("attention", attended.result.array)
        let gradients = attention.backward(values, queries: queries, keys: keys, values: values, output: attended)
        record("attention backward", gradients.queries.array + gradients.keys.array + gradients.values.array)
    }

    private static func losses(_ record: (String, [Float]) -> Void) {
        let shape = Shape(3, 37, 39, 4)
        let scores = Reference.tensor("scores", shape)
        let teacher = Reference.tensor("teacher", shape)
        SegmentationLoss.softmax(scores)
        SegmentationLoss.softmax(teacher)
        let terms = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 0.2)
            .evaluate(scores, labels: (0..<shape.positions).map { UInt8($0 % 4) }, teacher: teacher)
        record("segmentation", scores.array)
        record("terms", [terms.dice, terms.crossEntropy, terms.distillation].flatMap(halves))

        let (server, client) = (Reference.tensor("server", shape), Reference.tensor("client", shape))
        let (first, second) = (Tensor.zeros(shape), Tensor.zeros(shape))
        let contrast = BottleneckLoss.contrast(
            server: server, client: client, weight: 1, addingGradientsTo: first, second)
        let error = BottleneckLoss.meanSquaredError(server, target: client, weight: 1, addingGradientTo: first)
        record("bottlenecks", first.array + second.array + halves(contrast) + halves(error))

        let parameters = Reference.tensor("parameters", Shape(1, 1, 1, 50_001))
        let (m, v) = (Tensor.zeros(parameters.shape), Tensor.zeros(parameters.shape))
        AdamUpdate(rate: 0.1, step: 1).apply(
            parameters, gradients: Reference.tensor("gradients", parameters.shape), firstMoment: m, secondMoment: v)
        record("adam", parameters.array + m.array + v.array)
        record("sum", Elementwise.sum(server, client).array)
        record("mixture", Elementwise.mixture(server, client, share: 0.3).array)
        record("product", halves(Elementwise.innerProduct(server, client, minus: server, in: 1..<server.count)))
    }

    /// All bits of a double.
    private static func halves(_ value: Double) -> [Float] {
        [
            Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern)),
            Float(bitPattern: UInt32(value.bitPattern >> 32)),
        ]
    }
}
