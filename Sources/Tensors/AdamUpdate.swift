#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One step of Adam (Kingma and Ba, ICLR 2015) over a flat array of parameters, as PyTorch computes it:
///
///     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
///     θ ← θ − rate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
package struct AdamUpdate: Sendable {
    private let stepSize: Float
    private let correction: Float

    private static let beta1 = 0.9
    private static let beta2 = 0.999
    private static let epsilon: Float = 1e-8

    /// The update of step `step`, counted from 1.
    package init(rate: Double, step: Int) {
        require(step >= 1, "Adam counts its steps from 1")
        stepSize = Float(rate / (1 - pow(Self.beta1, Double(step))))
        correction = Float(1 / (1 - pow(Self.beta2, Double(step))).squareRoot())
    }

    /// Updates `parameters` and their moments; all arrays have as many values.
    ///
    /// With an `average`, also average ← momentum · average + (1 − momentum) · parameters, in the same pass.
    package func apply(
        _ parameters: Tensor, gradients: Tensor, firstMoment: Tensor, secondMoment: Tensor, average: Tensor? = nil,
        momentum: Float = 0
    ) {
        require(gradients.count == parameters.count, "arrays of different length")
        apply(
            parameters, gradients: gradients.base, firstMoment: firstMoment, secondMoment: secondMoment,
            in: 0..<parameters.count, average: average, momentum: momentum)
    }

    /// The same for some neighbouring parameters.
    /// - Parameter gradients: of these alone.
    package func apply(
        _ parameters: Tensor, gradients: UnsafePointer<Float>, firstMoment: Tensor, secondMoment: Tensor,
        in values: Range<Int>, average: Tensor? = nil, momentum: Float = 0
    ) {
        require(
            firstMoment.count == parameters.count && secondMoment.count == parameters.count
                && (average?.count ?? parameters.count) == parameters.count,
            "arrays of different length")
        require(
            values.lowerBound >= 0 && values.upperBound <= parameters.count, "values \(values) of \(parameters.count)")
        let (theta, m, v) = (parameters.base, firstMoment.base, secondMoment.base)
        let g = gradients - values.lowerBound
        let firstGain = Float(1 - Self.beta1)
        let secondDecay = Float(Self.beta2)
        let secondGain = Float(1 - Self.beta2)
        Elementwise.forEachBlock(values.count, .update) { block in
            let range = block.lowerBound &+ values.lowerBound..<block.upperBound &+ values.lowerBound
            for index in range {
                let gradient = g[index]
                let first = m[index] + firstGain * (gradient - m[index])
                let second = secondDecay * v[index] + secondGain * gradient * gradient
                m[index] = first
                v[index] = second
                theta[index] -= stepSize * (first / (second.squareRoot() * correction + Self.epsilon))
            }
            guard let average else { return }
            for index in range {
                average.base[index] = momentum * average.base[index] + (1 - momentum) * theta[index]
            }
        }
    }
}
