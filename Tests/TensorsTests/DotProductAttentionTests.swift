import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Dot-product attention")
struct DotProductAttentionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let queries: Int
        let keys: Int
        let inner: Int
        let width: Int
        var scale: Float = 1
        /// Half the range of queries and keys.
        var spread: Float = 1

        var testDescription: String { "\(queries) × \(keys) positions, \(inner) and \(width) channels, scale \(scale)" }

        func tensor(_ name: String, _ positions: Int, _ channels: Int) -> Tensor {
            Tensor(
                Shape(1, 1, positions, channels),
                values: Reference.values(name, positions * channels).map { spread * $0 })
        }
    }

    static let cases = [
        Case(queries: 1, keys: 2, inner: 4, width: 4), Case(queries: 7, keys: 17, inner: 8, width: 8),
        Case(queries: 33, keys: 33, inner: 16, width: 16), Case(queries: 65, keys: 129, inner: 20, width: 12),
        Case(queries: 100, keys: 63, inner: 32, width: 32, scale: 1 / Float(32).squareRoot()),
        Case(queries: 47, keys: 50, inner: 64, width: 64, scale: 0.125, spread: 2),
        Case(queries: 31, keys: 31, inner: 16, width: 8, spread: 4),
        // More scores than exist at once: three blocks of queries in the backward pass.
        Case(queries: 70, keys: 66_001, inner: 4, width: 4),
        // The bottlenecks of a network of width 8 at 8×56×56 and of width 16 at 8×96×96, with scores of unit variance.
        Case(queries: 392, keys: 392, inner: 64, width: 64, spread: 0.6),
        Case(queries: 1152, keys: 1152, inner: 128, width: 128, spread: 0.5),
    ]

    @Test("agrees with float64 loops, forward and backward", arguments: cases)
    func agreesWithReference(_ row: Case) {
        let queries = row.tensor("queries", row.queries, row.inner)
        let keys = row.tensor("keys", row.keys, row.inner)
        let values = row.tensor("values", row.keys, row.width)
        let gradient = Reference.tensor("gradient", Shape(1, 1, row.queries, row.width))
        let kernel = DotProductAttention(scale: row.scale)
        let output = kernel.forward(queries: queries, keys: keys, values: values)
        let gradients = kernel.backward(gradient, queries: queries, keys: keys, values: values, output: output)
        let reference = AttentionReference(
            queries: Reference.doubles(queries), keys: Reference.doubles(keys), values: Reference.doubles(values),
            gradient: Reference.doubles(gradient), inner: row.inner, width: row.width, scale: Double(row.scale))
        // An error of a score is a relative error of its weight.
        let bound = 1.2e-6 * Double(1 + row.spread * row.spread * Float(row.inner).squareRoot())
        #expect(Reference.relativeError(output.result.values, reference.result) < bound)
        #expect(Reference.relativeError(gradients.queries.values, reference.queryGradient) < bound)
        #expect(Reference.relativeError(gradients.keys.values, reference.keyGradient) < bound)
        #expect(Reference.relativeError(gradients.values.values, reference.valueGradient) < bound)
    }

    @Test("with equal keys, every query gets the mean of the values")
    func mean() {
        let keys = Tensor(Shape(1, 1, 40, 4), values: [Float](repeating: 0.3, count: 160))
        let values = Reference.tensor("values", Shape(1, 1, 40, 4))
        let result = DotProductAttention().forward(
            queries: Reference.tensor("queries", Shape(1, 1, 5, 4)), keys: keys, values: values
        ).result
        for channel in 0..<4 {
            let mean = (0..<40).reduce(0) { $0 + values.base[$1 * 4 + channel] } / 40
            expectNear((0..<5).map { result.base[$0 * 4 + channel] }, [Float](repeating: mean, count: 5), within: 1e-6)
            {
                "query \($0), channel \(channel)"
            }
        }
    }

    @Test("scores of any size give finite weights that add up to 1", arguments: [1e-3, 1, 30, 1e4, 1e15] as [Float])
    func largeScores(_ spread: Float) {
        let row = Case(queries: 19, keys: 37, inner: 4, width: 4, spread: spread)
        let ones = Tensor(Shape(1, 1, 37, 4), values: [Float](repeating: 1, count: 37 * 4))
        let (queries, keys) = (row.tensor("queries", 19, 4), row.tensor("keys", 37, 4))
        let output = DotProductAttention().forward(queries: queries, keys: keys, values: ones)
        #expect(output.result.values.allSatisfy { abs($0 - 1) < 1e-5 })
        let gradients = DotProductAttention().backward(
            Reference.tensor("gradient", output.result.shape), queries: queries, keys: keys, values: ones,
            output: output)
        #expect(gradients.values.values.allSatisfy { $0.isFinite })
        #expect(gradients.queries.values.allSatisfy { $0.isFinite })
        #expect(gradients.keys.values.allSatisfy { $0.isFinite })
    }

    @Test("a single position attends to itself, and its scores do not matter")
    func single() {
        let shape = Shape(1, 1, 1, 4)
        let (queries, keys) = (Reference.tensor("queries", shape), Reference.tensor("keys", shape))
        let values = Reference.tensor("values", shape)
        let gradient = Reference.tensor("gradient", shape)
        let output = DotProductAttention().forward(queries: queries, keys: keys, values: values)
        let gradients = DotProductAttention().backward(
            gradient, queries: queries, keys: keys, values: values, output: output)
        #expect(output.result.array == values.array)
        for channel in 0..<4 {
            #expect(abs(gradients.values.base[channel] - gradient.base[channel]) < 1e-6)
            #expect(abs(gradients.queries.base[channel]) < 1e-6)
            #expect(abs(gradients.keys.base[channel]) < 1e-6)
        }
    }

    @Test("the vectors' exponential errs by less than 3 units in the last place over its whole range")
    func exponential() {
        // One query of 1 and a largest score of 0, so that arguments are not rounded; a weight over that of score 0 is
        // e^score.
        let scores = (0..<4096).map { -Float($0) * 87 / 4096 }
        let keys = Tensor(Shape(1, 1, 4096, 4), values: scores.flatMap { [$0, 0, 0, 0] })
        var weights: [Double] = []
        for first in stride(from: 0, to: 4096, by: 512) {
            let values = Tensor.zeros(Shape(1, 1, 4096, 512))
            for column in 0..<512 { values.base[(first + column) * 512 + column] = 1 }
            weights += Reference.doubles(
                DotProductAttention().forward(
                    queries: Tensor(Shape(1, 1, 1, 4), values: [1, 0, 0, 0]), keys: keys, values: values
                ).result)
        }
        var largest = 0.0
        // Denormal weights have fewer digits.
        for (score, weight) in zip(scores, weights) where weight > 2e-38 {
            let expected = exp(Double(score))
            largest = max(largest, abs(weight / weights[0] - expected) / expected)
        }
        #expect(largest < 3 * 0x1p-23)
    }
}

/// softmax(q kᵀ · scale) v and its gradients by plain loops in float64.
struct AttentionReference {
    private(set) var result: [Double] = []
    private(set) var queryGradient: [Double]
    private(set) var keyGradient: [Double]
    private(set) var valueGradient: [Double]

    init(
        queries: [Double], keys: [Double], values: [Double], gradient: [Double], inner: Int, width: Int, scale: Double
    ) {
        queryGradient = [Double](repeating: 0, count: queries.count)
        keyGradient = [Double](repeating: 0, count: keys.count)
        valueGradient = [Double](repeating: 0, count: values.count)
        let count = keys.count / inner
        for query in 0..<queries.count / inner {
            var weights = [Double](repeating: 0, count: count)
            for key in 0..<count {
                for channel in 0..<inner {
                    weights[key] += scale * queries[query * inner + channel] * keys[key * inner + channel]
                }
            }
            let largest = weights.max() ?? 0
            let sum = weights.reduce(0) { $0 + exp($1 - largest) }
            for key in 0..<count { weights[key] = exp(weights[key] - largest) / sum }
            var products = [Double](repeating: 0, count: count)
            var output = [Double](repeating: 0, count: width)
            for key in 0..<count {
                for channel in 0..<width {
                    let slope = gradient[query * width + channel]
                    output[channel] += weights[key] * values[key * width + channel]
                    products[key] += slope * values[key * width + channel]
                    valueGradient[key * width + channel] += weights[key] * slope
                }
            }
            let mean = zip(weights, products).reduce(0) { $0 + $1.0 * $1.1 }
            for key in 0..<count {
                let slope = scale * weights[key] * (products[key] - mean)
                for channel in 0..<inner {
                    queryGradient[query * inner + channel] += slope * keys[key * inner + channel]
                    keyGradient[key * inner + channel] += slope * queries[query * inner + channel]
                }
            }
            result += output
        }
    }
}
