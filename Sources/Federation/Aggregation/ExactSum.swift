import FederatedLearning
import NeuralNetwork
import Tensors

/// The weighted sum of the centers' parameters, exact whatever the order: each center contributes round(ω · θ · 2⁴⁰) as a
/// 64-bit integer, and wrap-around addition of integers is associative and commutative. The sum has the same bits for
/// any number of ranks and any reduction tree; a secure aggregation can mask the same integers.
///
/// With Σ ω = 1 and |θ| < 2¹⁵ the sum stays below 2⁵⁵. One unit is 2⁻⁴⁰, far below float32's resolution of any weight
/// that matters.
package struct ExactSum {
    /// The exchanged entries of a layout, in its order.
    package let entries: [ParameterLayout.Entry]
    /// One sum for each value of the entries, one entry after the other.
    package private(set) var sums: [UInt64]

    /// Units of 1.
    package static let unitsPerOne = 0x1p40
    private static let bound: Float = 0x1p15

    /// A sum of zeros over the selected entries of `layout`.
    package init(_ layout: ParameterLayout, _ selection: Selection) {
        entries = selection.entries(of: layout)
        sums = [UInt64](repeating: 0, count: entries.reduce(0) { $0 + $1.count })
    }

    /// Makes all sums zero again.
    package mutating func reset() {
        sums.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    }

    /// Adds ω · `parameters`.
    /// - Throws: where a value is not finite or not below 2¹⁵ in magnitude: names center and parameter.
    package mutating func add(_ parameters: Parameters, weight: Double, center: String) throws(FederationError) {
        var position = 0
        for entry in entries {
            let values = UnsafeBufferPointer(parameters[entry.range])
            let isFine = sums.withUnsafeMutableBufferPointer { sums in
                FixedPoint.add(
                    values, weight: weight, unitsPerOne: Self.unitsPerOne, bound: Self.bound,
                    to: UnsafeMutableBufferPointer(rebasing: sums[position..<position + entry.count]))
            }
            guard isFine else {
                let value = values.first { !($0.magnitude < Self.bound) } ?? .nan
                throw FederationError(
                    kind: .divergence, attempted: "aggregate", subject: "\(entry.name) of center \(center)",
                    reason: "it holds \(value), and only finite values below 2^15 can be summed",
                    remedy: "lower learning_rate, or check the center's images")
            }
            position += entry.count
        }
    }

    /// Gives the sums' memory to a collective that adds up those of all ranks.
    package mutating func withSums<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<UInt64>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try sums.withUnsafeMutableBufferPointer { buffer throws(Failure) in try body(buffer) }
    }

    /// Writes the sum into the entries' places.
    package func write(to parameters: Parameters) {
        var position = 0
        for entry in entries {
            sums.withUnsafeBufferPointer { sums in
                FixedPoint.convert(
                    UnsafeBufferPointer(rebasing: sums[position..<position + entry.count]),
                    unitsPerOne: Self.unitsPerOne,
                    to: parameters[entry.range])
            }
            position += entry.count
        }
    }
}
