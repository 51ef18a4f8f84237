internal import CLinux

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

    /// Runs `body` with each depth tap's weights from input `channels` to output `columns` of `convolution`, which on the
    /// calling thread are turned around where they have to be.
    func withBlocks(
        of convolution: Convolution, _ channels: Range<Int>, _ columns: Range<Int>, _ body: ([Block]) -> Void
    ) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        guard areTurned else {
            let first = values + (channels.lowerBound * outputs + columns.lowerBound)
            return body(
                (0..<convolution.taps).map {
                    Block(
                        first: first + $0 * 9 * inputs * outputs, channelStride: outputs, tapStride: inputs * outputs)
                })
        }
        let size = channels.count * columns.count
        TensorPool.shared.withScratch(convolution.taps * 9 * size) { turned in
            for tap in 0..<convolution.taps * 9 {
                transpose(
                    convolution, tap: tap, channels, columns, into: turned + tap * size, rowStride: columns.count)
            }
            body(
                (0..<convolution.taps).map {
                    Block(first: turned + $0 * 9 * size, channelStride: columns.count, tapStride: size)
                })
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
        let nextTap = inputs * convolution.outputs
        let source = values + (convolution.taps * 9 - 1 - tap) * nextTap
        for firstChannel in stride(from: channels.lowerBound, to: channels.upperBound, by: Self.square) {
            let lastChannel = min(channels.upperBound, firstChannel &+ Self.square)
            for first in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.square) {
                let end = min(columns.upperBound, first &+ Self.square)
                let (from, to) = (
                    source + (first &* inputs &+ firstChannel),
                    target + ((firstChannel &- channels.lowerBound) &* rowStride &+ first &- columns.lowerBound)
                )
                for column in 0..<end &- first { CLinux_prefetchToRead(from + (column &* inputs &- nextTap)) }
                let (height, width) = (lastChannel &- firstChannel, end &- first)
                for channel in Swift.stride(from: 0, to: height & ~3, by: 4) {
                    for column in Swift.stride(from: 0, to: width & ~3, by: 4) {
                        let p = from + (column &* inputs &+ channel)
                        let (a, b, c, d) = (
                            SIMD4<Float>(p), SIMD4<Float>(p + inputs), SIMD4<Float>(p + 2 &* inputs),
                            SIMD4<Float>(p + 3 &* inputs)
                        )
                        let q = to + (channel &* rowStride &+ column)
                        SIMD4(a.x, b.x, c.x, d.x).store(q)
                        SIMD4(a.y, b.y, c.y, d.y).store(q + rowStride)
                        SIMD4(a.z, b.z, c.z, d.z).store(q + 2 &* rowStride)
                        SIMD4(a.w, b.w, c.w, d.w).store(q + 3 &* rowStride)
                    }
                }
                for channel in 0..<height {
                    for column in (channel < height & ~3 ? width & ~3 : 0)..<width {
                        to[channel &* rowStride &+ column] = from[column &* inputs &+ channel]
                    }
                }
            }
        }
    }
}
