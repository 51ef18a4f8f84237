/// Sums over positions, one per channel: gradients of biases.
enum ChannelSums {
    /// Positions that one task adds up.
    private static let block = 2048

    /// Writes Σ over positions of `tensor` to `sums` (one value per channel).
    static func write(_ tensor: Tensor, into sums: UnsafeMutablePointer<Float>) {
        let channels = tensor.shape.channels
        let positions = tensor.shape.positions
        let blocks = (positions + block - 1) / block
        withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks * channels) { buffer in
            guard let partial = buffer.baseAddress else { return }
            partial.update(repeating: 0, count: blocks * channels)
            nonisolated(unsafe) let parts = partial
            Parallel.shared.loop(blocks, .elementwise) { task in
                let first = task * block
                add(
                    tensor.base + first * channels, positions: min(positions - first, block), channels: channels,
                    into: parts + task * channels)
            }
            for channel in 0..<channels {
                var sum = 0.0
                for task in 0..<blocks { sum += partial[task &* channels &+ channel] }
                sums[channel] = Float(sum)
            }
        }
    }

    private static func add(
        _ values: UnsafePointer<Float>, positions: Int, channels: Int, into sums: UnsafeMutablePointer<Double>
    ) {
        if channels % 4 == 0 {
            ColumnSum(values: values, positions: positions, stride: channels, sums: sums).cover(0..<channels)
        } else {
            for position in 0..<positions {
                for channel in 0..<channels { sums[channel] += Double(values[position &* channels &+ channel]) }
            }
        }
    }

    private struct ColumnSum: ChannelKernel {
        let values: UnsafePointer<Float>
        let positions: Int
        let stride: Int
        let sums: UnsafeMutablePointer<Double>

        @inline(__always)
        func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
            var position = 0
            while position < positions {
                // Few enough additions in float32 that their rounding stays below the values' own.
                let end = min(positions, position &+ 64)
                var sum = V.zero
                while position < end {
                    sum = sum + V(values + (position &* stride &+ channel))
                    position &+= 1
                }
                sum.accumulate(into: sums + channel)
            }
        }
    }
}
