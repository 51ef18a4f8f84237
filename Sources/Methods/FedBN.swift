import FederatedLearning

/// Federated averaging without normalizations: scale and offset stay at each center.
///
/// The paper keeps batch norms; this network's are group norms, so that what stays is "local norms".
struct FedBN: UNetMethod {
    static let about = MethodDescription(
        "fedbn", summary: "As fedavg, but every center keeps the scales and offsets of its normalizations.",
        reference:
            "Li, Jiang, Zhang, Kamp, Dou: FedBN: Federated Learning on Non-IID Features via Local Batch Normalization, "
            + "ICLR 2021, arXiv:2102.07623",
        formula: "θ ← Σ ω_k θ_k, without normalizations")

    let training: UNetTraining

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
    }

    var exchanges: [Exchange] { [Exchange("network", training.shareable(Selection(layers: [.normalization])))] }
}
