/// A 1 × 1 × 1 convolution: the same matrix [inputs × outputs] at every position.
package struct PointwiseConvolution: Hashable, Sendable {
    /// Channels of the input.
    package let inputs: Int
    /// Channels of the output.
    package let outputs: Int

    /// A matrix [inputs × outputs] at every position.
    package init(inputs: Int, outputs: Int) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Positions that one task multiplies.
    private static let block = 512

    /// The output (…, outputs) of `input` (…, inputs); `weight` is row-major [inputs × outputs].
    package func forward(_ input: Tensor, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) -> Tensor {
        require(input.shape.channels == inputs, "input of \(input.shape) for \(inputs) channels")
        let output = Tensor(input.shape.with(channels: outputs))
        forEachBlock(input.shape.positions) { first, count in
            let target = output.base + first * outputs
            for row in 0..<count { (target + row &* outputs).update(from: bias, count: outputs) }
            MatrixProduct.multiply(
                .init(input.base + first * inputs, inputs), .init(weight, outputs), rows: count, inner: inputs,
                columns: outputs, into: target, rowStride: outputs, accumulating: true)
        }
        return output
    }

    /// The gradient by the input; added to `result` where that is given.
    @discardableResult
    package func backwardData(
        _ gradient: Tensor, weight: UnsafePointer<Float>, addingTo result: Tensor? = nil
    ) -> Tensor {
        require(gradient.shape.channels == outputs, "gradient of \(gradient.shape) for \(outputs) channels")
        let target = result ?? Tensor(gradient.shape.with(channels: inputs))
        require(target.shape == gradient.shape.with(channels: inputs), "adding to \(target.shape)")
        forEachBlock(gradient.shape.positions) { first, count in
            MatrixProduct.multiply(
                .init(gradient.base + first * outputs, outputs), .init(weight, outputs, transposed: true), rows: count,
                inner: outputs, columns: inputs, into: target.base + first * inputs, rowStride: inputs,
                accumulating: result != nil)
        }
        return target
    }

    /// Writes the gradients by weight and bias.
    package func backwardWeights(
        _ input: Tensor, _ gradient: Tensor, weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>
    ) {
        require(
            input.shape.channels == inputs && gradient.shape == input.shape.with(channels: outputs),
            "input of \(input.shape), gradient of \(gradient.shape)")
        ChannelSums.write(gradient, into: bias)
        SummedProduct.write(
            input.base, inputs, gradient.base, outputs, positions: input.shape.positions, into: weight)
    }

    private func forEachBlock(_ positions: Int, _ body: (_ first: Int, _ count: Int) -> Void) {
        Parallel.shared.loop((positions + Self.block - 1) / Self.block) { task in
            body(task * Self.block, min(Self.block, positions - task * Self.block))
        }
    }
}

/// leftᵀ · right, summed over many positions: the gradient of a matrix that is applied at each of them.
enum SummedProduct {
    /// Writes `Σ_p left[p]ᵀ right[p]`, row-major [leftChannels × rightChannels].
    ///
    /// Many positions are summed in parts that are added up in order; wide matrices are divided by rows.
    static func write(
        _ left: UnsafePointer<Float>, _ leftChannels: Int, _ right: UnsafePointer<Float>, _ rightChannels: Int,
        positions: Int, into result: UnsafeMutablePointer<Float>
    ) {
        let count = leftChannels * rightChannels
        let parts = max(1, min(positions / 2048, 64, (1 << 20) / count))
        let rowBlock = parts == 1 ? 64 : leftChannels
        let rowBlocks = (leftChannels + rowBlock - 1) / rowBlock
        TensorPool.shared.withScratch(parts * count) { sums in
            let target = parts == 1 ? result : sums
            Parallel.shared.loop(parts * rowBlocks) { task in
                let part = task / rowBlocks
                let first = positions * part / parts
                let firstRow = task % rowBlocks * rowBlock
                MatrixProduct.multiply(
                    .init(left + first * leftChannels + firstRow, leftChannels, transposed: true),
                    .init(right + first * rightChannels, rightChannels),
                    rows: min(rowBlock, leftChannels - firstRow), inner: positions * (part + 1) / parts - first,
                    columns: rightChannels, into: target + part * count + firstRow * rightChannels,
                    rowStride: rightChannels)
            }
            guard parts > 1 else { return }
            result.update(from: sums, count: count)
            for part in 1..<parts {
                let source = sums + part * count
                for index in 0..<count { result[index] += source[index] }
            }
        }
    }
}
