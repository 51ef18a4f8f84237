import FederatedLearning
import NeuralNetwork
import Tensors

/// Each center mixes the averaged model and one of its own, in a share that it learns.
///
/// It is the parameters that are mixed, as in the paper, not the outputs.
struct APFL: UNetMethod {
    static let share = Setting(
        "apfl.alpha", 0.5, .number(0...1), search: .even(0.1...0.9),
        "The share α of a center's own model that it starts with.")
    static let rate = Setting(
        "apfl.alpha_rate", 0.01, .number(0...10), "The rate at which α follows its gradient, once a round; 0: it stays."
    )

    static let about = MethodDescription(
        "apfl", summary: "Each center segments by a mixture of the averaged model and its own, whose share it learns.",
        reference: "Deng, Kamani, Mahdavi: Adaptive Personalized Federated Learning, arXiv:2003.13461",
        formula: "w: ∇f(w), averaged; v: α ∇f(α v + (1 − α) w); α ← α − η_α ⟨∇f(α v + (1 − α) w), v − w⟩, in 0 to 1",
        settings: [share.key, rate.key])

    let training: UNetTraining
    private let rate: Double
    private let mixture: Variable

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        rate = settings.own[Self.rate]
        var layout = ParameterLayout()
        _ = layout.register(
            "alpha", [1], initialization: .constant(Float(settings.own[Self.share])), layer: .scalar)
        mixture = Variable("mixture", layout, hasOptimizer: false)
    }

    var variables: [Variable] {
        [training.variable(), training.variable("personal", start: .copy(of: "network")), mixture]
    }

    var terms: [LossTerm] { SupervisedStep.terms + [LossTerm("alpha"), LossTerm("global_total", shown: "global")] }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let (own, shared, alpha) = (state["personal"], state["network"], state["mixture"].values)
        // Both steps are taken from where the models are now.
        let share = alpha[0]
        let (losses, gradients) = training.step.gradients(volume, own.mixed(with: shared, share: share))
        if state.steps == 0 {
            let slope = Elementwise.innerProduct(
                gradients.tensor, own.tensor, minus: shared.tensor, in: 0..<own.count)
            alpha[0] = min(1, max(0, share - Float(rate * slope)))
        }
        let global = training.step.train("network", of: state, on: volume)
        Elementwise.scale(gradients.tensor, by: share)
        training.step.update("personal", of: state, by: gradients)
        return losses + [Double(share), global[0]]
    }

    func segmentingParameters(_ state: CenterState) -> Parameters {
        state["personal"].mixed(with: state["network"], share: state["mixture"].values[0])
    }
}
