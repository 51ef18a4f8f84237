#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Attention over all positions of a feature map with one head: softmax(q kᵀ · scale) v.
///
/// Scores exist for one block of queries at a time, never as an N × N matrix; the backward pass computes them again
/// from the saved normalizers (Dao et al., "FlashAttention", NeurIPS 2022, is the idea; a whole row fits here, so the
/// softmax needs no running maximum).
package struct DotProductAttention: Hashable, Sendable {
    /// Factor of the scores: 1 in the method, 1/√d as an option.
    package let scale: Float

    /// Attention with the scores multiplied by `scale`.
    package init(scale: Float = 1) { self.scale = scale }

    /// The largest number of scores that exist at once.
    private static let blockScores = 2 << 20
    /// Keys of one task in the backward pass.
    private static let keyBlock = 64

    /// The result and what the backward pass needs of it.
    package struct Output: Sendable {
        /// softmax(q kᵀ) v, of the values' channels at the queries' positions.
        package let result: Tensor
        /// log Σ exp of each query's scores.
        fileprivate let normalizers: Tensor
    }

    /// Attends from `queries` (N positions, d channels) over `keys` (M, d) and `values` (M, e).
    package func forward(queries: Tensor, keys: Tensor, values: Tensor) -> Output {
        require(queries.shape.channels == keys.shape.channels, "queries and keys of different width")
        require(keys.shape.positions == values.shape.positions, "as many keys as values")
        let inner = keys.shape.channels
        let width = values.shape.channels
        let keyCount = keys.shape.positions
        let result = Tensor(queries.shape.with(channels: width))
        let normalizers = Tensor(queries.shape.with(channels: 1))
        let rows = 32
        let count = queries.shape.positions
        Parallel.shared.loop((count + rows - 1) / rows) { task in
            let first = task * rows
            let block = min(rows, count - first)
            TensorPool.shared.withScratch(block * keyCount) { scores in
                MatrixProduct.multiply(
                    .init(queries.base + first * inner, inner), .init(keys.base, inner, transposed: true), rows: block,
                    inner: inner, columns: keyCount, into: scores, rowStride: keyCount)
                for row in 0..<block {
                    normalizers.base[first + row] = RowSoftmax.apply(scores + row * keyCount, keyCount, scale: scale)
                }
                MatrixProduct.multiply(
                    .init(scores, keyCount), .init(values.base, width), rows: block, inner: keyCount, columns: width,
                    into: result.base + first * width, rowStride: width)
            }
        }
        return Output(result: result, normalizers: normalizers)
    }

    /// The gradients by queries, keys and values, given the one by the result.
    package func backward(
        _ gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, output: Output
    ) -> (queries: Tensor, keys: Tensor, values: Tensor) {
        require(
            gradient.shape == output.result.shape && gradient.shape.positions == queries.shape.positions
                && keys.shape.positions == values.shape.positions && queries.shape.channels == keys.shape.channels,
            "the shapes of the forward pass")
        let count = queries.shape.positions
        let keyCount = keys.shape.positions
        let inner = keys.shape.channels
        let width = values.shape.channels
        let queryGradient = Tensor(queries.shape)
        let keyGradient = Tensor(keys.shape)
        let valueGradient = Tensor(values.shape)
        let projections = rowProducts(gradient, output.result)
        let rows = max(32, min(count, Self.blockScores / keyCount))
        let scores = Tensor(.init(depth: 1, height: 1, width: min(rows, count), channels: keyCount))
        for first in stride(from: 0, to: count, by: rows) {
            let block = min(rows, count - first)
            // Each task owns some keys: their columns of the scores' gradient and their rows of the key's and value's.
            Parallel.shared.loop((keyCount + Self.keyBlock - 1) / Self.keyBlock) { task in
                let key = task * Self.keyBlock
                let columns = min(Self.keyBlock, keyCount - key)
                TensorPool.shared.withScratch(2 * block * columns) { weights in
                    let products = weights + block * columns
                    MatrixProduct.multiply(
                        .init(queries.base + first * inner, inner),
                        .init(keys.base + key * inner, inner, transposed: true),
                        rows: block, inner: inner, columns: columns, into: weights, rowStride: columns)
                    MatrixProduct.multiply(
                        .init(gradient.base + first * width, width),
                        .init(values.base + key * width, width, transposed: true),
                        rows: block, inner: width, columns: columns, into: products, rowStride: columns)
                    for row in 0..<block {
                        RowSoftmax.gradient(
                            weights + row * columns, products + row * columns, columns, scale: scale,
                            normalizer: output.normalizers.base[first + row],
                            projection: projections.base[first + row], into: scores.base + row * keyCount + key)
                    }
                    MatrixProduct.multiply(
                        .init(weights, columns, transposed: true), .init(gradient.base + first * width, width),
                        rows: columns, inner: block, columns: width, into: valueGradient.base + key * width,
                        rowStride: width, accumulating: first > 0)
                    MatrixProduct.multiply(
                        .init(scores.base + key, keyCount, transposed: true),
                        .init(queries.base + first * inner, inner),
                        rows: columns, inner: block, columns: inner, into: keyGradient.base + key * inner,
                        rowStride: inner, accumulating: first > 0)
                }
            }
            let step = 32
            Parallel.shared.loop((block + step - 1) / step) { task in
                let row = task * step
                MatrixProduct.multiply(
                    .init(scores.base + row * keyCount, keyCount), .init(keys.base, inner),
                    rows: min(step, block - row),
                    inner: keyCount, columns: inner, into: queryGradient.base + (first + row) * inner, rowStride: inner)
            }
        }
        return (queryGradient, keyGradient, valueGradient)
    }

    /// The scalar product of each position's values in two maps.
    private func rowProducts(_ left: Tensor, _ right: Tensor) -> Tensor {
        let result = Tensor(left.shape.with(channels: 1))
        let channels = left.shape.channels
        let rows = 256
        Parallel.shared.loop((left.shape.positions + rows - 1) / rows) { task in
            for position in task * rows..<min(left.shape.positions, (task + 1) * rows) {
                var sum: Float = 0
                for channel in 0..<channels {
                    sum += left.base[position &* channels &+ channel] * right.base[position &* channels &+ channel]
                }
                result.base[position] = sum
            }
        }
        return result
    }
}

/// Softmax of one row of scores.
private enum RowSoftmax {
    /// Replaces scores by their softmax.
    /// - Returns: log Σ exp(scale · score).
    static func apply(_ row: UnsafeMutablePointer<Float>, _ count: Int, scale: Float) -> Float {
        var largest = -Float.infinity
        for index in 0..<count { largest = max(largest, row[index] * scale) }
        let offset = SIMD16<Float>(repeating: -largest)
        let factor = SIMD16<Float>(repeating: scale)
        var sums = SIMD16<Float>.zero
        var index = 0
        while index &+ 16 <= count {
            let value = offset.adding(SIMD16(row + index), times: factor).exponential()
            value.store(row + index)
            sums = sums + value
            index &+= 16
        }
        var sum = sums.sum()
        while index < count {
            row[index] = exp(row[index] * scale - largest)
            sum += row[index]
            index &+= 1
        }
        let reciprocal = 1 / sum
        for index in 0..<count { row[index] *= reciprocal }
        return largest + log(sum)
    }

    /// Turns scores into softmax weights again and writes the gradient by the scores:
    /// `weight · (product − projection) · scale`.
    static func gradient(
        _ weights: UnsafeMutablePointer<Float>, _ products: UnsafePointer<Float>, _ count: Int, scale: Float,
        normalizer: Float, projection: Float, into target: UnsafeMutablePointer<Float>
    ) {
        let offset = SIMD16<Float>(repeating: -normalizer)
        let factor = SIMD16<Float>(repeating: scale)
        let shift = SIMD16<Float>(repeating: projection)
        var index = 0
        while index &+ 16 <= count {
            let weight = offset.adding(SIMD16(weights + index), times: factor).exponential()
            weight.store(weights + index)
            (weight * (SIMD16(products + index) - shift) * factor).store(target + index)
            index &+= 16
        }
        while index < count {
            weights[index] = exp(weights[index] * scale - normalizer)
            target[index] = weights[index] * (products[index] - projection) * scale
            index &+= 1
        }
    }
}
