import FederatedLearning

/// Every center trains alone: what federated learning has to surpass.
struct Local: UNetMethod {
    static let about = MethodDescription(
        "local", summary: "Every center trains alone: the lower reference.", reference: "no exchange")

    let training: UNetTraining

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
    }

    var exchanges: [Exchange] { [] }
}
