import FederatedLearning

/// Federated averaging whose server takes steps of Yogi along the centers' average change: as FedAdam, but the second moment
/// moves by the squared change alone, so that rare large changes do not shrink the rates for long.
struct FedYogi: UNetMethod {
    private static let own = AdaptiveSettings(of: "fedyogi", rate: 0.01)

    static let about = MethodDescription(
        "fedyogi", summary: "As fedadam, with a second moment that forgets more slowly what it has seen once.",
        reference:
            "Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization, ICLR 2021, "
            + "arXiv:2003.00295",
        formula: "as fedadam, but v ← v − (1 − β₂) Δ² sign(v − Δ²)",
        settings: own.keys)

    let training: UNetTraining
    private let update: AdaptiveStep

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        update = AdaptiveStep(
            Self.own, settings.own,
            secondMoment: { v, square, beta in
                v == square ? v : v - (1 - beta) * (v > square ? square : -square)
            })
    }

    var exchanges: [Exchange] {
        [Exchange("network", training.shareable(), contribution: .change(of: "network"), update: update)]
    }
}
