import FederatedLearning

/// Federated averaging whose server takes steps of Adam along the centers' average change.
struct FedAdam: UNetMethod {
    private static let own = AdaptiveSettings(of: "fedadam", rate: 0.1)

    static let about = MethodDescription(
        "fedadam", summary: "As fedavg, but the server takes a step of Adam along the average change.",
        reference:
            "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021, "
            + "arXiv:2003.00295",
        formula: "Δ = Σ ω_k (θ_k − θ); m ← β₁ m + (1 − β₁) Δ; v ← β₂ v + (1 − β₂) Δ²; θ ← θ + η m / (√v + τ)",
        settings: own.keys)

    let training: UNetTraining
    private let update: AdaptiveStep

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        update = AdaptiveStep(
            Self.own, settings.own,
            secondMoment: { v, square, beta in beta * v + (1 - beta) * square })
    }

    var exchanges: [Exchange] {
        [Exchange("network", training.shareable(), contribution: .change(of: "network"), update: update)]
    }
}
