import FederatedLearning

/// Federated averaging of the encoder, which is trained after the center's own part, not beside it.
///
/// As of ``FedPer`` the representation is `encoder`; `bottleneck` and `decoder` are the center's head.
struct FedRep: UNetMethod {
    static let headEpochs = Setting(
        "fedrep.head_epochs", 1, .whole(1...10_000),
        "Epochs of a round, the first ones, that train the center's own part with the encoder frozen; the others train "
            + "the encoder.")

    static let about = MethodDescription(
        "fedrep", summary: "The server averages the encoder, which learns after the center's own part has.",
        reference:
            "Collins, Hassani, Mokhtari, Shakkottai: Exploiting Shared Representations for Personalized Federated "
            + "Learning, ICML 2021, arXiv:2102.07078",
        formula:
            "head epochs: θ_head ← θ_head − η ∇f; then θ_encoder ← θ_encoder − η ∇f; θ_encoder ← Σ ω_k θ_k,encoder",
        settings: [headEpochs.key])

    let training: UNetTraining
    private let (headEpochs, localEpochs): (Int, Int)

    init(_ settings: TrainingSettings, heads: [Int], population: Population) throws(MethodError) {
        training = UNetTraining(settings, heads: heads, population: population)
        headEpochs = settings.own[Self.headEpochs]
        localEpochs = settings.localEpochs
        guard headEpochs < localEpochs else {
            throw MethodError(
                Self.headEpochs.key.name,
                "\(headEpochs) of \(localEpochs) local epochs train the head, so that none is left for the encoder",
                remedy: "set local_epochs to \(headEpochs + 1) or more")
        }
    }

    // Moments and counts of what is frozen stay as they are.
    var variables: [Variable] {
        [training.variable(groups: [Selection(except: ["encoder"]), Selection(below: ["encoder"])])]
    }

    var exchanges: [Exchange] { [Exchange("network", Selection(below: ["encoder"]))] }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let isHead = state.steps * localEpochs < headEpochs * context.steps
        return training.step.train("network", of: state, on: volume, groups: [isHead ? 0 : 1])
    }
}
