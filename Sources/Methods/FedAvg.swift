import FederatedLearning

/// Federated averaging: every center starts a round from the average of all.
struct FedAvg: UNetMethod {
    static let about = MethodDescription(
        "fedavg", summary: "The server averages all parameters, and every center goes on from the average.",
        reference:
            "McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from "
            + "Decentralized Data, AISTATS 2017, arXiv:1602.05629",
        formula: "θ ← Σ ω_k θ_k")

    let training: UNetTraining

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
    }
}
