import FederatedLearning

/// Federated averaging whose server takes steps of Yogi along the centers' average change: as FedAdam, but the second moment
/// moves by the squared change alone, so that rare large changes do not shrink the rates for long.
struct FedYogi: UNetMethod {
    static let serverRate = Setting("fedyogi.server_rate", 0.01, .numberAbove(0...10), "The server's rate η.")
    static let beta1 = Setting("fedyogi.beta1", 0.9, .number(0...0.9999), "Decay β₁ of the server's first moment.")
    static let beta2 = Setting("fedyogi.beta2", 0.99, .number(0...0.9999), "Decay β₂ of the server's second moment.")
    static let tau = Setting(
        "fedyogi.tau", 1e-3, .numberAbove(0...1), "Adaptivity τ: the larger, the more alike the parameters' rates are.")

    static let about = MethodDescription(
        "fedyogi", summary: "As fedadam, with a second moment that forgets more slowly what it has seen once.",
        reference:
            "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021, "
            + "arXiv:2003.00295",
        formula: "as fedadam, but v ← v − (1 − β₂) Δ² sign(v − Δ²)",
        settings: [serverRate.key, beta1.key, beta2.key, tau.key])

    let training: UNetTraining
    private let update: AdaptiveStep

    init(_ settings: TrainingSettings, classes: Int, population: Population) {
        training = UNetTraining(settings, classes: classes, population: population)
        let own = settings.own
        update = AdaptiveStep(
            rate: own[Self.serverRate], beta1: own[Self.beta1], beta2: own[Self.beta2], tau: own[Self.tau],
            secondMoment: { v, square, beta in
                v == square ? v : v - (1 - beta) * (v > square ? square : -square)
            })
    }

    var exchanges: [Exchange] {
        [Exchange("network", training.shareable(), contribution: .change(of: "network"), update: update)]
    }
}
