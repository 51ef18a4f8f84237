import FederatedLearning

/// Federated averaging whose centers are held near the server's parameters.
struct FedProx: UNetMethod {
    static let mu = Setting(
        "fedprox.mu", 0.01, .number(0...1000), search: .logarithmic(1e-4...1),
        "Weight μ of half the squared distance from the server's parameters.")

    static let about = MethodDescription(
        "fedprox", summary: "As fedavg, with a penalty for the distance from what the server sent.",
        reference: "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith: Federated Optimization in Heterogeneous Networks, "
            + "MLSys 2020, arXiv:1812.06127",
        formula: "loss + ½ μ ‖θ − θ_server‖², over the exchanged parameters", settings: [mu.key])

    let training: UNetTraining
    private let mu: Double

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        mu = settings.own[Self.mu]
    }

    var terms: [LossTerm] { SupervisedStep.terms + [LossTerm("proximal")] }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        training.proximalStep("network", of: state, on: volume, near: context.server.content("network"), weight: mu)
    }
}
