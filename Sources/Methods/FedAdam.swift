import FederatedLearning

/// Federated averaging whose server takes steps of Adam along the centers' average change.
struct FedAdam: UNetMethod {
    static let serverRate = Setting(
        "fedadam.server_rate", 0.1, .numberAbove(0...10), "The server's rate η.")
    static let beta1 = Setting("fedadam.beta1", 0.9, .number(0...0.9999), "Decay β₁ of the server's first moment.")
    static let beta2 = Setting("fedadam.beta2", 0.99, .number(0...0.9999), "Decay β₂ of the server's second moment.")
    static let tau = Setting(
        "fedadam.tau", 1e-3, .numberAbove(0...1), "Adaptivity τ: the larger, the more alike the parameters' rates are.")

    static let about = MethodDescription(
        "fedadam", summary: "As fedavg, but the server takes a step of Adam along the average change.",
        reference:
            "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021, "
            + "arXiv:2003.00295",
        formula: "Δ = Σ ω_k (θ_k − θ); m ← β₁ m + (1 − β₁) Δ; v ← β₂ v + (1 − β₂) Δ²; θ ← θ + η m / (√v + τ)",
        settings: [serverRate.key, beta1.key, beta2.key, tau.key])

    let training: UNetTraining
    private let update: AdaptiveStep

    init(_ settings: TrainingSettings, classes: Int, population: Population) {
        training = UNetTraining(settings, classes: classes, population: population)
        let own = settings.own
        update = AdaptiveStep(
            rate: own[Self.serverRate], beta1: own[Self.beta1], beta2: own[Self.beta2], tau: own[Self.tau],
            secondMoment: { v, square, beta in beta * v + (1 - beta) * square })
    }

    var exchanges: [Exchange] {
        [Exchange("network", training.shareable(), contribution: .change(of: "network"), update: update)]
    }
}
