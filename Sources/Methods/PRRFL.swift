import FederatedLearning
import NeuralNetwork
import Tensors

/// Two models: a deputy, of whose encoder the low frequencies are averaged, and the center's own, which the server never
/// touches; who teaches whom depends on how far the deputy has recovered from the averaging.
///
/// Progressive Fourier aggregation (``KernelSpectrum``) takes from the server the amplitudes of low frequencies, of more of
/// them from round to round, and leaves phases and high frequencies to the center. Deputy-enhanced transfer compares both
/// models' Dice on the center's validation volumes before each epoch.
struct PRRFL: UNetMethod {
    static let rate = Setting(
        "prrfl.rate", 0.7, .number(0...1), search: .even(0.3...0.95),
        "The share of each axis of a kernel's frequencies that is averaged after the first round.")
    static let finalRate = Setting(
        "prrfl.final_rate", 0.95, .number(0...1), "The share that this grows towards, until the last round.")
    static let alpha1 = Setting(
        "prrfl.alpha1", 0.7, .number(0...1),
        "The share of its own model's Dice at which a center's deputy, which was taught until then, teaches as well.")
    static let alpha2 = Setting(
        "prrfl.alpha2", 0.9, .number(0...1), "The share at which the deputy teaches, and is not taught any more.")

    static let about = MethodDescription(
        "prrfl",
        summary:
            "The low frequencies of a deputy's encoder are averaged; by stages it is taught by the center's own model, and "
            + "teaches it.",
        reference:
            "Chen, Zhu, Yang, Yuan: Personalized Retrogress-Resilient Framework for Real-World Medical Federated "
            + "Learning, MICCAI 2021, arXiv:2110.00394",
        formula:
            "|F(θ_deputy)| ← Σ ω_k |F(θ_k,deputy)| at low frequencies; loss + KL(teacher ‖ p): recover, exchange, sublimate",
        settings: [rate.key, finalRate.key, alpha1.key, alpha2.key], dependsOnRounds: true)

    let training: UNetTraining
    private let (firstRate, lastRate): (Double, Double)
    private let (alpha1, alpha2): (Double, Double)
    private let stage: Variable

    init(_ settings: TrainingSettings, heads: [Int], population: Population) throws(MethodError) {
        training = UNetTraining(settings, heads: heads, population: population)
        (firstRate, lastRate) = (settings.own[Self.rate], settings.own[Self.finalRate])
        (alpha1, alpha2) = (settings.own[Self.alpha1], settings.own[Self.alpha2])
        guard firstRate <= lastRate else {
            throw MethodError(
                Self.finalRate.key.name, "\(lastRate) is less than prrfl.rate \(firstRate), which grows to it",
                remedy: "set prrfl.final_rate to \(firstRate) or more")
        }
        var layout = ParameterLayout()
        _ = layout.register("stage", [1], initialization: .constant(0), layer: .scalar)
        stage = Variable("transfer", layout, hasOptimizer: false)
    }

    private static let shared = Selection(below: ["encoder"], layers: [.normalization])

    var variables: [Variable] {
        [
            training.variable(), training.variable("personal", start: .copy(of: "network")),
            // Amplitudes in the places of kernels, and biases.
            Variable("spectrum", training.layout.prefix(of: "encoder"), start: .zeros, hasOptimizer: false), stage,
        ]
    }

    var exchanges: [Exchange] { [Exchange("spectrum", Self.shared, replaces: false)] }

    func segmentingParameters(_ state: CenterState) -> Parameters { state["personal"] }

    var terms: [LossTerm] {
        SupervisedStep.terms + [LossTerm("distillation"), LossTerm("deputy_total", shown: "deputy"), LossTerm("stage")]
    }

    func begin(_ state: CenterState, round: Int, _ server: ServerState) {
        let content = server.content("spectrum")
        // Before the first sum there is nothing to take.
        guard content.ranges.contains(where: { content.values[$0].contains { $0 != 0 } }) else { return }
        let progress = Double(max(0, round - 2)) / Double(training.settings.rounds)
        let rate = firstRate + min(1, progress) * (lastRate - firstRate)
        let deputy = state["network"]
        for entry in content.entries {
            if let kernel = KernelSpectrum(entry) {
                kernel.setLowAmplitudes(of: deputy, to: content.values, rate: rate)
            } else {
                _ = deputy[entry.range].update(from: content.values[entry.range])
            }
        }
    }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let epoch = max(1, context.steps / training.settings.localEpochs)
        if state.steps % epoch == 0 { try chooseStage(state, context) }
        let stage = Stage(rawValue: Int(state[self.stage.name].values[0])) ?? .exchange
        let step = training.step
        let (deputy, own) = (step.forward(volume, state["network"]), step.forward(volume, state["personal"]))
        // Losses are evaluated in the probabilities' place.
        let deputyTeaches = stage == .recover ? nil : deputy.probabilities.copy()
        let ownTeaches = stage == .sublimate ? nil : own.probabilities.copy()
        let taught = step.gradients(volume, state["network"], after: deputy, teacher: ownTeaches)
        step.update("network", of: state, by: taught.gradients)
        let (losses, distillation, gradients) = step.gradients(
            volume, state["personal"], after: own, teacher: deputyTeaches)
        step.update("personal", of: state, by: gradients)
        return losses + [distillation, taught.losses[0], Double(stage.rawValue)]
    }

    func finish(_ state: CenterState, _ context: TrainingContext) {
        let (deputy, spectrum) = (state["network"], state["spectrum"])
        for entry in Self.shared.entries(of: spectrum.layout) {
            if let kernel = KernelSpectrum(entry) {
                kernel.setAmplitudes(of: deputy, in: spectrum)
            } else {
                _ = spectrum[entry.range].update(from: deputy[entry.range])
            }
        }
    }

    // MARK: Who teaches whom

    /// How the two models learn from each other.
    private enum Stage: Int {
        /// The deputy is taught by the center's own model.
        case recover = 1
        /// Each is taught by the other.
        case exchange
        /// The center's own model is taught by the deputy.
        case sublimate
    }

    /// Chooses the stage of an epoch, which follows from that of the epoch before. A round of one epoch is an exchange.
    private func chooseStage(_ state: CenterState, _ context: TrainingContext) throws {
        let values = state[stage.name].values
        let before = state.steps == 0 ? nil : Stage(rawValue: Int(values[0]))
        let next: Stage
        if training.settings.localEpochs == 1 {
            next = .exchange
        } else if let before {
            let volumes = try context.validation()
            let own = meanDice(of: state["personal"], volumes)
            let deputy = meanDice(of: state["network"], volumes)
            next =
                deputy < alpha1 * own
                ? .recover : before == .recover || deputy < alpha2 * own ? .exchange : .sublimate
        } else {
            next = .recover
        }
        values[0] = Float(next.rawValue)
    }

    /// The Dice of a model, the mean over the foreground classes that a volume or its segmentation has, and over volumes.
    private func meanDice(of parameters: Parameters, _ volumes: [TrainingVolume]) -> Double {
        let dice = volumes.compactMap { volume in
            let probabilities = training.step.network.infer(volume.image, head: volume.head, parameters)
            let classes = probabilities.shape.channels
            var counts = [(both: Int, all: Int)](repeating: (0, 0), count: classes)
            for (voxel, label) in volume.labels.enumerated() {
                let row = probabilities.base + voxel * classes
                let found = (1..<classes).reduce(0) { row[$1] > row[$0] ? $1 : $0 }
                counts[found].all += 1
                counts[Int(label)].all += 1
                if found == Int(label) { counts[found].both += 1 }
            }
            let scores = counts.dropFirst().filter { $0.all > 0 }.map { 2 * Double($0.both) / Double($0.all) }
            return scores.isEmpty ? nil : scores.reduce(0, +) / Double(scores.count)
        }
        return dice.isEmpty ? 0 : dice.reduce(0, +) / Double(dice.count)
    }
}
