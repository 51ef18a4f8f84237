import Tensors
import Testing

/// Maps whose parts are read in different ways must be what they are when written: bit for bit.
@Suite("Feature map")
struct FeatureMapTests {
    /// A normalized skip beside upsampled squares, or the one or the other alone.
    struct Case: CustomTestStringConvertible, Sendable {
        let extent: Shape
        let upsampled: Int
        let outputs: Int

        /// - Parameters:
        ///   - extent: of all, with the skip's channels.
        ///   - upsampled: channels beside the skip.
        init(_ extent: Shape, _ upsampled: Int, _ outputs: Int) {
            self.extent = extent
            self.upsampled = upsampled
            self.outputs = outputs
        }

        var testDescription: String { "\(extent) beside \(upsampled) channels → \(outputs)" }
        var low: Shape {
            Shape(
                depth: extent.depth, height: extent.height / 2, width: extent.width / 2, channels: 4 * upsampled)
        }
        var channels: Int { extent.channels + upsampled }

        var skip: FeatureMap {
            let kernel = GroupNormalization(channels: extent.channels, slope: 0.01)
            let input = Reference.tensor("skip", extent)
            return kernel.output(
                input, kernel.statistics(input), weight: Reference.values("scale", extent.channels).map { 1 + $0 },
                bias: Reference.values("shift", extent.channels))
        }

        var map: FeatureMap {
            let room = TransposedConvolution(inputs: 1, outputs: upsampled).room(low: low, extent: extent)
            let values = Reference.values("squares", room.tensors[0].count)
            for (index, value) in values.enumerated() { room.tensors[0].base[index] = value }
            return skip.beside(room)
        }
    }

    static let cases = [
        // Parts that meet within a panel of channels, within a vector, and between panels; even and odd extents.
        Case(Shape(2, 22, 24, 8), 16, 8), Case(Shape(2, 23, 25, 8), 16, 8), Case(Shape(1, 33, 31, 4), 8, 12),
        Case(Shape(2, 24, 24, 16), 32, 16), Case(Shape(2, 25, 24, 24), 48, 24), Case(Shape(1, 29, 31, 64), 128, 64),
        Case(Shape(3, 27, 26, 12), 6, 8), Case(Shape(1, 5, 7, 8), 16, 8), Case(Shape(2, 12, 13, 96), 200, 100),
    ]

    @Test("is what it says when it is written", arguments: cases)
    func written(_ row: Case) {
        let (map, channels) = (row.map, row.channels)
        let (skip, squares) = (row.skip.written(), map.tensors[1])
        var expected = [Float](repeating: 0, count: map.shape.count)
        for index in expected.indices {
            let (position, channel) = (index / channels, index % channels)
            let (x, line) = (position % row.extent.width, position / row.extent.width)
            let (y, z) = (line % row.extent.height, line / row.extent.height)
            if channel < row.extent.channels {
                expected[index] = skip.base[position * row.extent.channels + channel]
            } else if y / 2 < row.low.height, x / 2 < row.low.width {
                let square = (z * row.low.height + y / 2) * row.low.width + x / 2
                expected[index] =
                    squares.base[
                        (4 * square + y % 2 * 2 + x % 2) * row.upsampled + channel - row.extent.channels]
            }
        }
        #expect(map.shape == row.extent.with(channels: channels))
        #expect(map.written().array == expected)
    }

    @Test("gives convolutions what the written one gives, by every algorithm", arguments: cases)
    func convolutions(_ row: Case) {
        let (map, whole) = (row.map, FeatureMap(row.map.written()))
        for taps in [1, 3] {
            let convolution = Convolution(taps: taps, inputs: row.channels, outputs: row.outputs)
            let weight = Reference.values("weight", convolution.weightCount)
            let bias = Reference.values("bias", row.outputs)
            let gradient = Reference.tensor("gradient", row.extent.with(channels: row.outputs))
            func gradients(_ map: FeatureMap, _ algorithm: Convolution.Algorithm) -> [Float] {
                var byWeight = [Float](repeating: .nan, count: weight.count)
                var byBias = [Float](repeating: .nan, count: bias.count)
                convolution.backwardWeights(map, gradient, weight: &byWeight, bias: &byBias, by: algorithm)
                return byWeight + byBias
            }
            for algorithm in convolution.algorithms {
                #expect(
                    convolution.forward(map, weight: weight, bias: bias, by: algorithm).array
                        == convolution.forward(whole, weight: weight, bias: bias, by: algorithm).array,
                    "\(taps) taps, \(algorithm.rawValue)")
                #expect(gradients(map, algorithm) == gradients(whole, algorithm), "\(taps) taps, \(algorithm.rawValue)")
            }
        }
    }

    @Test("takes gradients by its parts where it holds them, by every algorithm", arguments: cases)
    func gradients(_ row: Case) {
        for taps in [1, 3] {
            let convolution = Convolution(taps: taps, inputs: row.channels, outputs: row.outputs)
            let weight = Reference.values("weight", convolution.weightCount)
            let gradient = Reference.tensor("gradient", row.extent.with(channels: row.outputs))
            let covered = FeatureMap(.zeros(row.extent)).beside(
                TransposedConvolution(inputs: 1, outputs: row.upsampled).room(low: row.low, extent: row.extent))
            for algorithm in convolution.algorithms {
                let whole = convolution.backwardData(gradient, weight: weight, by: algorithm)
                for tensor in covered.tensors { tensor.values.update(repeating: .nan) }
                convolution.backwardData(gradient, weight: weight, by: algorithm, into: covered)
                let result = covered.written()
                for index in 0..<whole.count {
                    let (position, channel) = (index / row.channels, index % row.channels)
                    let (x, y) = (position % row.extent.width, position / row.extent.width % row.extent.height)
                    let isHeld = channel < row.extent.channels || y / 2 < row.low.height && x / 2 < row.low.width
                    guard result.base[index] == (isHeld ? whole.base[index] : 0) else {
                        Issue.record("\(taps) taps, \(algorithm.rawValue): value \(index) of \(whole.count)")
                        break
                    }
                }
            }
        }
    }

    @Test("gives pooling and pointwise convolutions what the written one gives", arguments: cases)
    func others(_ row: Case) {
        let parts = row.extent.channels % 4 == 0 && row.upsampled % 4 == 0 ? [row.skip, row.map] : [row.skip]
        for map in parts {
            let whole = FeatureMap(map.written())
            let pooled = MaximumPooling.forward(map)
            #expect(pooled.array == MaximumPooling.forward(whole).array)
            let targets = [Reference.tensor("target", map.shape), Reference.tensor("target", map.shape)]
            MaximumPooling.backward(pooled, input: map, addingTo: targets[0])
            MaximumPooling.backward(pooled, input: whole, addingTo: targets[1])
            #expect(targets[0].array == targets[1].array)

            for outputs in [row.outputs, 3] {
                let kernel = PointwiseConvolution(inputs: map.shape.channels, outputs: outputs)
                let weight = Reference.values("weight", map.shape.channels * outputs)
                let bias = Reference.values("bias", outputs)
                let gradient = Reference.tensor("gradient", map.shape.with(channels: outputs))
                #expect(
                    kernel.forward(map, weight: weight, bias: bias).array
                        == kernel.forward(whole, weight: weight, bias: bias).array)
                func gradients(_ map: FeatureMap) -> [Float] {
                    var byWeight = [Float](repeating: .nan, count: weight.count)
                    var byBias = [Float](repeating: .nan, count: bias.count)
                    kernel.backwardWeights(map, gradient, weight: &byWeight, bias: &byBias)
                    return byWeight + byBias
                }
                #expect(gradients(map) == gradients(whole))
            }
        }
    }
}
