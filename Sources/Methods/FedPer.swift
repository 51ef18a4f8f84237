import FederatedLearning

/// Federated averaging of the encoder; each center has a decoder of its own.
///
/// The U-Net is cut behind the encoder: `encoder` is exchanged, `bottleneck` and `decoder` are personal.
struct FedPer: UNetMethod {
    static let about = MethodDescription(
        "fedper", summary: "The server averages the encoder; bottleneck and decoder are each center's own.",
        reference: "Arivazhagan, Aggarwal, Singh, Choudhary: Federated Learning with Personalization Layers, "
            + "arXiv:1912.00818",
        formula: "θ_encoder ← Σ ω_k θ_k,encoder")

    let training: UNetTraining

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
    }

    var exchanges: [Exchange] { [Exchange("network", Selection(below: ["encoder"]))] }
}
