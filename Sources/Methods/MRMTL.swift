import FederatedLearning

/// Every center trains a model of its own, which is held near the mean of all.
struct MRMTL: UNetMethod {
    static let lambda = Setting(
        "mr-mtl.lambda", 0.1, .number(0...1000), search: .logarithmic(1e-3...1),
        "Weight λ of half the squared distance from the mean of all models.")

    static let about = MethodDescription(
        "mr-mtl", summary: "Each center keeps its own model, which is drawn to the mean of all (mean-regularized).",
        reference: "Liu, Hu, Wu, Smith: On Privacy and Personalization in Cross-Silo Federated Learning, NeurIPS 2022, "
            + "arXiv:2206.07902",
        formula: "loss + ½ λ ‖θ_k − Σ ω_k θ_k‖², with the mean at the round's start", settings: [lambda.key])

    let training: UNetTraining
    private let lambda: Double

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        lambda = settings.own[Self.lambda]
    }

    var exchanges: [Exchange] { [Exchange("network", training.shareable(), replaces: false)] }

    var terms: [LossTerm] { SupervisedStep.terms + [LossTerm("proximal")] }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        training.proximalStep(
            "network", of: state, on: volume, near: context.server.content("network"), weight: lambda)
    }
}
