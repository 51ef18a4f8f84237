/// The weights that a convolution reads: as they are in memory, or those of the convolution whose adjoint it is.
///
/// The adjoint's weights are turned around in space and depth, with inputs and outputs exchanged.
struct ConvolutionWeights {
    private let values: UnsafePointer<Float>
    private let areTurned: Bool

    /// A convolution's own weights: (depth tap, row tap, column tap, input, output).
    init(_ values: UnsafePointer<Float>) {
        self.values = values
        areTurned = false
    }

    /// The weights of the adjoint of a convolution that has these.
    init(adjointTo values: UnsafePointer<Float>) {
        self.values = values
        areTurned = true
    }

    /// The weights of one depth tap from some input channels to some output channels.
    struct Block {
        /// The first of them.
        let first: UnsafePointer<Float>
        /// Floats from an input channel to the next.
        let channelStride: Int
        /// Floats from one of the nine taps to the next.
        let tapStride: Int
    }

    /// Runs `body` with all weights in the order of memory.
    func withAll(of convolution: Convolution, _ body: (UnsafePointer<Float>) -> Void) {
        guard areTurned else { return body(values) }
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        let taps = convolution.taps * 9
        let blocks = (inputs + Self.square - 1) / Self.square
        TensorPool.shared.withScratch(convolution.weightCount) { turned in
            Parallel.shared.loop(taps * blocks, .weights) { task in
                let tap = task / blocks
                let channels = task % blocks * Self.square..<min(inputs, (task % blocks + 1) * Self.square)
                transpose(
                    convolution, tap: tap, channels, 0..<outputs,
                    into: turned + (tap * inputs + channels.lowerBound) * outputs, rowStride: outputs)
            }
            body(UnsafePointer(turned))
        }
    }

    /// Runs `body` with the weights of a depth tap from input `channels` to output `columns` of `convolution`, which on the
    /// calling thread are turned around where they have to be.
    func withBlock(
        of convolution: Convolution, depthTap: Int, _ channels: Range<Int>, _ columns: Range<Int>,
        _ body: (Block) -> Void
    ) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        guard areTurned else {
            let first = (depthTap * 9 * inputs + channels.lowerBound) * outputs + columns.lowerBound
            return body(Block(first: values + first, channelStride: outputs, tapStride: inputs * outputs))
        }
        let size = channels.count * columns.count
        TensorPool.shared.withScratch(9 * size) { turned in
            for tap in 0..<9 {
                transpose(
                    convolution, tap: 9 * depthTap + tap, channels, columns, into: turned + tap * size,
                    rowStride: columns.count)
            }
            body(Block(first: turned, channelStride: columns.count, tapStride: size))
        }
    }

    /// Squares of one cache line: a longer run of rows, which may be whole pages apart, would evict itself.
    private static let square = 16

    /// Copies a tap's weights from some input channels to some output channels of a turned convolution. In memory they are
    /// output by output; in the copy they are input by input, as a convolution reads them.
    private func transpose(
        _ convolution: Convolution, tap: Int, _ channels: Range<Int>, _ columns: Range<Int>,
        into target: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        let inputs = convolution.inputs
        let source = values + (convolution.taps * 9 - 1 - tap) * inputs * convolution.outputs
        for firstChannel in stride(from: channels.lowerBound, to: channels.upperBound, by: Self.square) {
            let lastChannel = min(channels.upperBound, firstChannel &+ Self.square)
            for first in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.square) {
                let end = min(columns.upperBound, first &+ Self.square)
                for channel in firstChannel..<lastChannel {
                    let row = target + (channel &- channels.lowerBound) &* rowStride
                    for column in first..<end {
                        row[column &- columns.lowerBound] = source[column &* inputs &+ channel]
                    }
                }
            }
        }
    }
}
