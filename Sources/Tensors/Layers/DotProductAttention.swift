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
    private static let blockScores = 1 << 20
    /// Queries of one task.
    private static let rowBlock = 16
    /// Keys of one task in the backward pass.
    private static let keyBlock = 32

    /// The result and what the backward pass needs of it.
    package struct Output: Sendable {
        /// softmax(q kᵀ) v, of the values' channels at the queries' positions.
        package let result: Tensor
        /// log Σ exp of each query's scores.
        fileprivate let normalizers: Tensor
    }

    /// Attends from `queries` (N positions, d channels) over `keys` (M, d) and `values` (M, e); d and e are multiples of 4.
    package func forward(queries: Tensor, keys: Tensor, values: Tensor) -> Output {
        require(queries.shape.channels == keys.shape.channels, "queries and keys of different width")
        require(keys.shape.positions == values.shape.positions, "as many keys as values")
        require(
            keys.shape.channels % 4 == 0 && values.shape.channels % 4 == 0, "attention works on multiples of 4 channels"
        )
        let inner = keys.shape.channels
        let width = values.shape.channels
        let result = Tensor(queries.shape.with(channels: width))
        let normalizers = Tensor(queries.shape.with(channels: 1))
        let keyMatrix = PackedMatrix(
            .init(keys.base, inner, transposed: true), inner: inner, columns: keys.shape.positions, .attention)
        let valueMatrix = PackedMatrix(
            .init(values.base, width), inner: keys.shape.positions, columns: width, .attention)
        let rows = Self.rowBlock
        let count = queries.shape.positions
        let rowStride = keyMatrix.panels.columns
        Parallel.shared.loop((count + rows - 1) / rows, .attention) { task in
            let first = task * rows
            let block = min(rows, count - first)
            TensorPool.shared.withScratch(block * rowStride) { scores in
                keyMatrix.multiply(
                    .init(queries.base + first * inner, inner), rows: block, into: scores, rowStride: rowStride)
                for row in 0..<block {
                    normalizers.base[first + row] = RowSoftmax.apply(
                        scores + row * rowStride, keys.shape.positions, scale: scale)
                }
                valueMatrix.multiply(
                    .init(scores, rowStride), rows: block, into: result.base + first * width, rowStride: width)
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
        let transposedKeys = PackedMatrix(
            .init(keys.base, inner, transposed: true), inner: inner, columns: keyCount, .attention)
        let transposedValues = PackedMatrix(
            .init(values.base, width, transposed: true), inner: width, columns: keyCount, .attention)
        let keyMatrix = PackedMatrix(.init(keys.base, inner), inner: keyCount, columns: inner, .attention)
        let rowStride = transposedKeys.panels.columns
        let rows = max(Self.rowBlock, min(count, Self.blockScores / rowStride))
        let weights = Tensor(flat: min(rows, count) * rowStride)
        let slopes = Tensor(flat: min(rows, count) * rowStride)
        for first in stride(from: 0, to: count, by: rows) {
            let block = min(rows, count - first)
            // Each task owns some queries: their rows of weights and slopes, and their gradient.
            Parallel.shared.loop((block + Self.rowBlock - 1) / Self.rowBlock, .attention) { task in
                let row = task * Self.rowBlock
                let height = min(Self.rowBlock, block - row)
                let (weight, slope) = (weights.base + row * rowStride, slopes.base + row * rowStride)
                transposedKeys.multiply(
                    .init(queries.base + (first + row) * inner, inner), rows: height, into: weight,
                    rowStride: rowStride)
                transposedValues.multiply(
                    .init(gradient.base + (first + row) * width, width), rows: height, into: slope,
                    rowStride: rowStride)
                for index in 0..<height {
                    RowSoftmax.gradient(
                        weight + index * rowStride, slope + index * rowStride, keyCount, scale: scale,
                        normalizer: output.normalizers.base[first + row + index])
                }
                keyMatrix.multiply(
                    .init(slope, rowStride), rows: height, into: queryGradient.base + (first + row) * inner,
                    rowStride: inner)
            }
            // Each task owns some keys: their rows of the keys' and the values' gradients.
            let gradientMatrix = PackedMatrix(
                .init(gradient.base + first * width, width), inner: block, columns: width, .attention)
            let queryMatrix = PackedMatrix(
                .init(queries.base + first * inner, inner), inner: block, columns: inner, .attention)
            Parallel.shared.loop((keyCount + Self.keyBlock - 1) / Self.keyBlock, .attention) { task in
                let key = task * Self.keyBlock
                let height = min(Self.keyBlock, keyCount - key)
                gradientMatrix.multiply(
                    .init(weights.base + key, rowStride, transposed: true), rows: height,
                    into: valueGradient.base + key * width, rowStride: width, accumulating: first > 0)
                queryMatrix.multiply(
                    .init(slopes.base + key, rowStride, transposed: true), rows: height,
                    into: keyGradient.base + key * inner, rowStride: inner, accumulating: first > 0)
            }
        }
        return (queryGradient, keyGradient, valueGradient)
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

    /// Turns scores into softmax weights again, and the weights' gradient (`slopes`) into the scores':
    ///
    ///     slope ← weight · (slope − Σ weight · slope) · scale
    ///
    /// The sum is over these very values: where there is one key, its score's gradient is exactly zero.
    static func gradient(
        _ weights: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, _ count: Int, scale: Float,
        normalizer: Float
    ) {
        let offset = SIMD16<Float>(repeating: -normalizer)
        let factor = SIMD16<Float>(repeating: scale)
        var sums = SIMD16<Float>.zero
        var index = 0
        while index &+ 16 <= count {
            let weight = offset.adding(SIMD16(weights + index), times: factor).exponential()
            weight.store(weights + index)
            sums = sums.adding(weight, times: SIMD16(slopes + index))
            index &+= 16
        }
        var sum = sums.sum()
        while index < count {
            weights[index] = exp(weights[index] * scale - normalizer)
            sum += weights[index] * slopes[index]
            index &+= 1
        }
        for index in 0..<count { slopes[index] = weights[index] * (slopes[index] - sum) * scale }
    }
}
