import FederatedLearning

/// The settings that methods with an adaptive server have in common, under their own names.
struct AdaptiveSettings: Sendable {
    let serverRate, beta1, beta2, tau: Setting<Double>

    /// The settings of a method.
    /// - Parameter rate: its server's rate unless that is set.
    init(of method: String, rate: Double) {
        serverRate = Setting(
            "\(method).server_rate", rate, .numberAbove(0...10), search: .logarithmic(3e-3...0.3),
            "The server's rate η.")
        beta1 = Setting(
            "\(method).beta1", 0.9, .number(0...0.9999), "Decay β₁ of the server's first moment.")
        beta2 = Setting(
            "\(method).beta2", 0.99, .number(0...0.9999), "Decay β₂ of the server's second moment.")
        tau = Setting(
            "\(method).tau", 1e-3, .numberAbove(0...1), search: .logarithmic(1e-4...1e-2),
            "Adaptivity τ: the larger, the more alike the parameters' rates are.")
    }

    /// What the method declares.
    var keys: [SettingKey] { [serverRate.key, beta1.key, beta2.key, tau.key] }
}

/// The server's adaptive step of Reddi et al., "Adaptive Federated Optimization": without bias correction, and with a
/// second moment that starts at τ².
struct AdaptiveStep: ServerUpdate {
    let rate, beta1, beta2, tau: Float
    /// The next second moment, of the old one, the squared change and β₂.
    let secondMoment: @Sendable (_ v: Float, _ square: Float, _ beta2: Float) -> Float

    /// A step by the values of a method's settings.
    init(
        _ settings: AdaptiveSettings, _ values: Settings,
        secondMoment: @escaping @Sendable (Float, Float, Float) -> Float
    ) {
        rate = Float(values[settings.serverRate])
        (beta1, beta2) = (Float(values[settings.beta1]), Float(values[settings.beta2]))
        tau = Float(values[settings.tau])
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
