import FederatedLearning
import NeuralNetwork

/// Federated averaging whose steps are corrected by control variates: what the center's gradients are in the mean (c_k), and
/// what all centers' are (c).
///
/// Option II of the paper: a center's new control is made of the distance that it has covered in the round. Steps are of
/// plain stochastic gradient descent, which the correction is derived for.
struct Scaffold: UNetMethod {
    static let serverRate = Setting(
        "scaffold.server_rate", 1.0, .numberAbove(0...10), search: .logarithmic(0.3...1.5),
        "The server's rate: how much of the average change it takes."
    )

    static let about = MethodDescription(
        "scaffold", summary: "As fedavg by gradient descent, with control variates that correct each center's drift.",
        reference:
            "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for Federated "
            + "Learning, ICML 2020, arXiv:1910.06378",
        formula: "θ_k ← θ_k − η (∇f + c − c_k); c_k⁺ = c_k − c + (θ_server − θ_k) / (K η); "
            + "c ← c + 1/N Σ (c_k⁺ − c_k)", settings: [serverRate.key], rates: 1e-2...1)

    let training: UNetTraining
    private let serverRate: Double

    init(_ settings: TrainingSettings, heads: [Int], population: Population) throws(MethodError) {
        guard settings.optimizer != .adam else {
            throw MethodError(
                "optimizer",
                "its control variates are made of distances that gradient descent covers, and Adam's are others",
                remedy: "leave optimizer as it is, or set it to sgd")
        }
        var settings = settings
        settings.optimizer = .sgd
        training = UNetTraining(settings, heads: heads, population: population)
        serverRate = settings.own[Self.serverRate]
    }

    private static let network = "network"
    private static let control = "control"
    private static let controlChange = "control_change"

    var variables: [Variable] {
        [training.variable(Self.network)]
            + [Self.control, Self.controlChange].map {
                Variable($0, training.layout, start: .zeros, hasOptimizer: false)
            }
    }

    var exchanges: [Exchange] {
        let selection = training.shareable()
        return [
            Exchange(
                Self.network, selection, contribution: .change(of: Self.network), update: Increment(rate: serverRate)),
            // The mean over all centers, whoever takes part. The server's is no center's own.
            Exchange(
                Self.control, selection, contribution: .values(of: Self.controlChange), weighting: .population,
                replaces: false, update: Increment()),
        ]
    }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let server = context.server.content(Self.control)
        return training.step.train(Self.network, of: state, on: volume) { gradients, _ in
            gradients.addPull(of: server.values, to: state[Self.control], 1, in: server.ranges)
        }
    }

    func finish(_ state: CenterState, _ context: TrainingContext) {
        let rate = Float(1 / (context.rateSum * training.settings.learningRate))
        let server = context.server.content(Self.network)
        let mean = context.server[Self.control]
        let (control, change) = (state[Self.control], state[Self.controlChange])
        for range in server.ranges {
            let (old, new) = (server.values[range], state[Self.network][range])
            let (c, own, difference) = (mean[range], control[range], change[range])
            for index in old.indices {
                difference[index] = (old[index] - new[index]) * rate - c[index]
                own[index] += difference[index]
            }
        }
    }
}
