import Foundation
import Tensors

/// Gaussian noise on integers (Canonne, Kamath and Steinke, arXiv 2004.00010, algorithm 3): P(x) ∝ exp(−x² / 2σ²). Floating-point
/// noise would tell by its last bits what it hides.
///
/// Chances are compared with uniform numbers of 53 bits, which is a part in 10¹⁵ for each value.
package struct DiscreteGaussian: Sendable {
    /// σ: above 0, below 2⁵⁰.
    package let deviation: Double
    /// The scale of the Laplace distribution that values are drawn from first.
    private let scale: UInt64

    /// Noise of a standard deviation (for σ above 1; below it the distribution is narrower).
    package init(deviation: Double) {
        precondition(deviation > 0 && deviation < 0x1p50, "a standard deviation of \(deviation)")
        self.deviation = deviation
        scale = UInt64(deviation) + 1
    }

    /// Values that are made at a time.
    private static let block = 8 << 10

    /// Adds noise to integers, wrapping around.
    /// - Parameter part: what is added up here; each part has its own noise.
    package func add(_ key: NoiseKey, part: Int, to sums: UnsafeMutableBufferPointer<UInt64>) {
        guard let base = sums.baseAddress else { return }
        nonisolated(unsafe) let target = base
        Parallel.shared.loop((sums.count + Self.block - 1) / Self.block) { task in
            var stream = NoiseStream(key, lane: UInt64(part) << 32 | UInt64(task))
            for index in task * Self.block..<min(sums.count, (task + 1) * Self.block) {
                target[index] &+= UInt64(bitPattern: sample(&stream))
            }
        }
    }

    /// One value.
    func sample(_ stream: inout NoiseStream) -> Int64 {
        let (variance, usual) = (deviation * deviation, deviation * deviation / Double(scale))
        while true {
            let magnitude = laplace(&stream)
            let distance = Double(magnitude) - usual
            guard stream.uniform() <= exp(-distance * distance / (2 * variance)) else { continue }
            let isNegative = stream.next() & 1 == 1
            // Zero has no sign.
            if magnitude == 0, isNegative { continue }
            return isNegative ? -Int64(magnitude) : Int64(magnitude)
        }
    }

    /// A magnitude k with P(k) ∝ exp(−k / scale): a remainder, and how often the scale is in it.
    private func laplace(_ stream: inout NoiseStream) -> UInt64 {
        var rest: UInt64
        repeat {
            rest = UInt64.random(in: 0..<scale, using: &stream)
        } while stream.uniform()
            > exp(
                -Double(rest) / Double(scale))
        var whole: UInt64 = 0
        while stream.uniform() <= exp(-1) { whole += 1 }
        return rest + scale * whole
    }
}
