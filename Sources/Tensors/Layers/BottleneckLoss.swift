#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The losses between bottlenecks: mean squared error, and the contrastive difference metric (`method.md`).
package enum BottleneckLoss {
    /// The mean squared difference of `value` and `target`; its gradient by `value`, times `weight`, is added.
    package static func meanSquaredError(
        _ value: Tensor, target: Tensor, weight: Float, addingGradientTo gradient: Tensor
    ) -> Double {
        require(value.shape == target.shape && value.shape == gradient.shape, "bottlenecks of one shape")
        let factor = 2 * weight / Float(value.count)
        let blocks = (value.count + Elementwise.block - 1) / Elementwise.block
        let sum = withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks) { buffer -> Double in
            nonisolated(unsafe) let sums = buffer
            Elementwise.forEachBlock(value.count, .losses) { range in
                var sum = 0.0
                for index in range {
                    let difference = value.base[index] - target.base[index]
                    sum += Double(difference) * Double(difference)
                    gradient.base[index] += factor * difference
                }
                sums[range.lowerBound / Elementwise.block] = sum
            }
            return sums.reduce(0, +)
        }
        return sum / Double(value.count)
    }

    /// Symmetric Kullback-Leibler divergence of two maps, each a softmax over its columns (the W axis):
    ///
    ///     ½ (mean(C (log C − log S)) + mean(S (log S − log C)))
    ///
    /// Its gradients, times `weight`, are added to `serverGradient` and `clientGradient`.
    package static func contrast(
        server: Tensor, client: Tensor, weight: Float, addingGradientsTo serverGradient: Tensor,
        _ clientGradient: Tensor
    ) -> Double {
        let shape = server.shape
        require(
            shape == client.shape && shape == serverGradient.shape && shape == clientGradient.shape,
            "bottlenecks of one shape")
        let channels = shape.channels
        let rows = shape.depth * shape.height
        let factor = weight * 0.5 / Float(server.count)
        var sums = [Double](repeating: 0, count: rows)
        sums.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            nonisolated(unsafe) let sums = start
            Parallel.shared.loop(rows, .losses) { row in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * shape.width) { scratch in
                    guard let logS = scratch.baseAddress else { return }
                    let logC = logS + shape.width
                    let gradientS = logC + shape.width
                    let gradientC = gradientS + shape.width
                    var sum = 0.0
                    for channel in 0..<channels {
                        let start = row &* shape.width &* channels &+ channel
                        logSoftmax(server.base + start, channels, shape.width, into: logS)
                        logSoftmax(client.base + start, channels, shape.width, into: logC)
                        var sumS: Float = 0
                        var sumC: Float = 0
                        for x in 0..<shape.width {
                            let (s, c) = (exp(logS[x]), exp(logC[x]))
                            let difference = logS[x] - logC[x]
                            sum += Double((s - c) * difference)
                            gradientS[x] = factor * (s * (difference + 1) - c)
                            gradientC[x] = factor * (c * (1 - difference) - s)
                            sumS += gradientS[x]
                            sumC += gradientC[x]
                        }
                        for x in 0..<shape.width {
                            let index = start &+ x &* channels
                            serverGradient.base[index] += gradientS[x] - exp(logS[x]) * sumS
                            clientGradient.base[index] += gradientC[x] - exp(logC[x]) * sumC
                        }
                    }
                    sums[row] = sum
                }
            }
        }
        return 0.5 * sums.reduce(0, +) / Double(server.count)
    }

    private static func logSoftmax(
        _ values: UnsafePointer<Float>, _ stride: Int, _ count: Int, into result: UnsafeMutablePointer<Float>
    ) {
        var largest = values[0]
        for x in 1..<count { largest = max(largest, values[x &* stride]) }
        var sum: Float = 0
        for x in 0..<count { sum += exp(values[x &* stride] - largest) }
        let offset = largest + log(sum)
        for x in 0..<count { result[x] = values[x &* stride] - offset }
    }
}
