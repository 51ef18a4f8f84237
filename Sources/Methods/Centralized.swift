import FederatedLearning

/// One network is trained on the images of all centers, as if they could be pooled: what federated learning wants to reach.
///
/// Centers of different classes share everything but the network's last layer: there is one for each list of classes.
struct Centralized: UNetMethod {
    static let about = MethodDescription(
        "centralized", summary: "One network for all centers, whose images are read by one rank: the upper reference.",
        reference: "no federation", poolsData: true)

    let training: UNetTraining

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
    }

    var exchanges: [Exchange] { [] }
}
