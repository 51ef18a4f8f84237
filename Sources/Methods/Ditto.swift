import FederatedLearning
import NeuralNetwork

/// Two models: one is averaged, the other is the center's own and is drawn to what the server sent.
struct Ditto: UNetMethod {
    static let lambda = Setting(
        "ditto.lambda", 0.1, .number(0...1000), search: .logarithmic(1e-3...1),
        "Weight λ of half the squared distance of a center's own parameters from the server's.")

    static let about = MethodDescription(
        "ditto", summary: "Beside the averaged model each center trains one of its own, which is drawn to the average.",
        reference:
            "Li, Hu, Beirami, Smith: Ditto: Fair and Robust Federated Learning Through Personalization, ICML 2021, "
            + "arXiv:2012.04221",
        formula: "v: loss + ½ λ ‖v − θ_server‖², with the server's parameters at the round's start",
        settings: [lambda.key])

    let training: UNetTraining
    private let lambda: Double

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        lambda = settings.own[Self.lambda]
    }

    var variables: [Variable] {
        [training.variable("network"), training.variable("personal", start: .copy(of: "network"))]
    }

    func segmentingParameters(_ state: CenterState) -> Parameters { state["personal"] }

    var terms: [LossTerm] {
        SupervisedStep.terms + [LossTerm("proximal"), LossTerm("global_total", shown: "global")]
    }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let server = context.server.content("network")
        let global = training.step.train("network", of: state, on: volume)
        return training.proximalStep("personal", of: state, on: volume, near: server, weight: lambda) + [global[0]]
    }
}
