import FederatedLearning

/// The server's adaptive step of Reddi et al., "Adaptive Federated Optimization": without bias correction, and with a
/// second moment that starts at τ².
struct AdaptiveStep: ServerUpdate {
    let rate, beta1, beta2, tau: Float
    /// The next second moment, of the old one, the squared change and β₂.
    let secondMoment: @Sendable (_ v: Float, _ square: Float, _ beta2: Float) -> Float

    init(
        rate: Double, beta1: Double, beta2: Double, tau: Double,
        secondMoment: @escaping @Sendable (Float, Float, Float) -> Float
    ) {
        (self.rate, self.beta1, self.beta2, self.tau) = (Float(rate), Float(beta1), Float(beta2), Float(tau))
        self.secondMoment = secondMoment
    }

    var memory: [(name: String, start: Float)] { [("first_moment", 0), ("second_moment", tau * tau)] }

    func apply(
        _ sum: UnsafeBufferPointer<Float>, to values: UnsafeMutableBufferPointer<Float>,
        memory: [UnsafeMutableBufferPointer<Float>]
    ) {
        let (first, second) = (memory[0], memory[1])
        for index in values.indices {
            let change = sum[index]
            first[index] = beta1 * first[index] + (1 - beta1) * change
            second[index] = secondMoment(second[index], change * change, beta2)
            values[index] += rate * first[index] / (second[index].squareRoot() + tau)
        }
    }
}
