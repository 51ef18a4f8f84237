/// A convolution of one channel, an image: every output is a sum of the neighbourhood's values times vectors of weights.
struct SingleChannelConvolution {
    private let convolution: Convolution

    init(_ convolution: Convolution) { self.convolution = convolution }

    /// Lines of an image that one task adds up to a part of the weights' gradient.
    private static let linesPerPart = 16

    /// Writes the convolution of `input` to `output`.
    func apply(
        _ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into output: Tensor
    ) {
        let shape = input.shape
        Parallel.shared.loop(shape.depth * shape.height, .gathering) { line in
            withNeighbours(input, line) { neighbours in
                LineOutputs(
                    neighbours: neighbours, taps: convolution.taps * 9, width: shape.width, weight: weight, bias: bias,
                    channels: convolution.outputs, output: output.base + line * shape.width * convolution.outputs
                ).cover(0..<convolution.outputs)
            }
        }
    }

    /// Writes the gradient by the weights, summed in parts of some lines that are added up in order.
    func weightGradient(_ input: Tensor, _ gradient: Tensor, into weight: UnsafeMutablePointer<Float>) {
        let shape = input.shape
        let lines = shape.depth * shape.height
        let parts = (lines + Self.linesPerPart - 1) / Self.linesPerPart
        let (count, channels) = (convolution.weightCount, convolution.outputs)
        TensorPool.shared.withScratch(parts * count) { sums in
            Parallel.shared.loop(parts, .gathering) { part in
                (sums + part * count).update(repeating: 0, count: count)
                for line in part * Self.linesPerPart..<min(lines, (part + 1) * Self.linesPerPart) {
                    withNeighbours(input, line) { neighbours in
                        LineWeightGradients(
                            neighbours: neighbours, taps: convolution.taps * 9, width: shape.width,
                            gradient: gradient.base + line * shape.width * channels, channels: channels,
                            sums: sums + part * count
                        ).cover(0..<channels)
                    }
                }
            }
            for index in 0..<count {
                var sum = 0.0
                for part in 0..<parts { sum += Double(sums[part &* count &+ index]) }
                weight[index] = Float(sum)
            }
        }
    }

    /// Runs `body` with the values that a line's outputs are made of: `width` floats for each tap, zero outside the volume.
    private func withNeighbours(_ input: Tensor, _ line: Int, _ body: (UnsafePointer<Float>) -> Void) {
        let shape = input.shape
        let (slice, y) = (line / shape.height, line % shape.height)
        let taps = convolution.taps * 9
        TensorPool.shared.withScratch(taps * shape.width) { rows in
            rows.update(repeating: 0, count: taps * shape.width)
            for tap in 0..<taps {
                let (z, row) = (slice + tap / 9 - convolution.taps / 2, y + tap % 9 / 3 - 1)
                guard z >= 0, z < shape.depth, row >= 0, row < shape.height else { continue }
                let shift = tap % 3 - 1
                let (first, end) = (max(0, -shift), min(shape.width, shape.width - shift))
                guard first < end else { continue }
                (rows + (tap * shape.width + first)).update(
                    from: input.base + ((z * shape.height + row) * shape.width + first + shift), count: end - first)
            }
            body(UnsafePointer(rows))
        }
    }
}

/// The outputs of a line, for a vector of output channels.
private struct LineOutputs: ChannelKernel {
    let neighbours: UnsafePointer<Float>
    let taps: Int
    let width: Int
    let weight: UnsafePointer<Float>
    let bias: UnsafePointer<Float>?
    let channels: Int
    let output: UnsafeMutablePointer<Float>

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let start = bias.map { V($0 + channel) } ?? .zero
        var x = 0
        // Four positions at once hide the latency of the additions.
        while x &+ 4 <= width {
            var sums = (start, start, start, start)
            for tap in 0..<taps {
                let factor = V(weight + (tap &* channels &+ channel))
                let values = neighbours + (tap &* width &+ x)
                sums.0 = sums.0.adding(V(repeating: values[0]), times: factor)
                sums.1 = sums.1.adding(V(repeating: values[1]), times: factor)
                sums.2 = sums.2.adding(V(repeating: values[2]), times: factor)
                sums.3 = sums.3.adding(V(repeating: values[3]), times: factor)
            }
            let target = output + (x &* channels &+ channel)
            sums.0.store(target)
            sums.1.store(target + channels)
            sums.2.store(target + 2 &* channels)
            sums.3.store(target + 3 &* channels)
            x &+= 4
        }
        while x < width {
            var sum = start
            for tap in 0..<taps {
                sum = sum.adding(
                    V(repeating: neighbours[tap &* width &+ x]), times: V(weight + (tap &* channels &+ channel)))
            }
            sum.store(output + (x &* channels &+ channel))
            x &+= 1
        }
    }
}

/// What a line adds to the weights' gradients, for a vector of output channels.
private struct LineWeightGradients: ChannelKernel {
    let neighbours: UnsafePointer<Float>
    let taps: Int
    let width: Int
    let gradient: UnsafePointer<Float>
    let channels: Int
    let sums: UnsafeMutablePointer<Float>

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        // One row of taps at a time: three sums stay in registers along the line.
        for row in 0..<taps / 3 {
            let values = neighbours + 3 &* row &* width
            let target = sums + (3 &* row &* channels &+ channel)
            var first = V(target)
            var second = V(target + channels)
            var third = V(target + 2 &* channels)
            for x in 0..<width {
                let slope = V(gradient + (x &* channels &+ channel))
                first = first.adding(V(repeating: values[x]), times: slope)
                second = second.adding(V(repeating: values[width &+ x]), times: slope)
                third = third.adding(V(repeating: values[2 &* width &+ x]), times: slope)
            }
            first.store(target)
            second.store(target + channels)
            third.store(target + 2 &* channels)
        }
    }
}
