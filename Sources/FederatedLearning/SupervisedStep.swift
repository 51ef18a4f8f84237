import NeuralNetwork
import Tensors

/// A step of a U-Net on a labelled volume: Dice and cross-entropy, backward, and what a method adds to the gradient.
package struct SupervisedStep: Sendable {
    /// The network.
    package let network: UNet
    private let settings: TrainingSettings

    /// Steps of `network`.
    package init(_ network: UNet, _ settings: TrainingSettings) {
        self.network = network
        self.settings = settings
    }

    /// The terms that a step tells: the weighted sum, and what it consists of.
    package static let terms = [LossTerm("total", shown: "loss"), LossTerm("dice"), LossTerm("cross_entropy")]

    /// What a forward pass leaves.
    package struct Pass: Sendable {
        /// Class probabilities (D, H, W, classes).
        package let probabilities: Tensor
        fileprivate let saved: UNet.Saved
    }

    /// The forward pass of a volume.
    package func forward(_ volume: TrainingVolume, _ parameters: Parameters) -> Pass {
        let (probabilities, saved) = network.forward(volume.image, head: volume.head, parameters)
        return Pass(probabilities: probabilities, saved: saved)
    }

    /// The losses of a volume, in the order of ``terms``, and their weighted sum's gradient.
    /// - Parameter bottleneck: given the encoder's last output, the gradient of a further loss by it.
    package func gradients(
        _ volume: TrainingVolume, _ parameters: Parameters, bottleneck: (Tensor) -> Tensor? = { _ in nil }
    ) -> (losses: [Double], gradients: Parameters) {
        let (losses, _, gradients) = gradients(
            volume, parameters, after: forward(volume, parameters), teacher: nil, bottleneck: bottleneck)
        return (losses, gradients)
    }

    /// The losses of a volume after its forward pass, and their weighted sum's gradient.
    /// - Parameters:
    ///   - pass: its probabilities are replaced.
    ///   - teacher: the probabilities of a network that it is drawn to by another cross-entropy, of weight 1. Its gradient is
    ///     that of the divergence KL(teacher ‖ probabilities), from which it differs by the teacher's entropy.
    /// - Returns: the losses in the order of ``terms``, of which the first counts the distillation; that, 0 without a teacher;
    ///   the gradient.
    package func gradients(
        _ volume: TrainingVolume, _ parameters: Parameters, after pass: consuming Pass, teacher: Tensor?,
        bottleneck: (Tensor) -> Tensor? = { _ in nil }
    ) -> (losses: [Double], distillation: Double, gradients: Parameters) {
        let loss = SegmentationLoss(
            dice: Float(settings.diceWeight), crossEntropy: Float(settings.crossEntropyWeight),
            distillation: teacher == nil ? 0 : 1, classes: settings.diceClasses)
        let terms = loss.evaluate(pass.probabilities, labels: volume.labels, teacher: teacher)
        let further = bottleneck(pass.saved.bottleneck)
        let probabilities = pass.probabilities
        let gradients = network.backward(probabilities, (consume pass).saved, parameters, bottleneck: further)
        let total =
            settings.diceWeight * terms.dice + settings.crossEntropyWeight * terms.crossEntropy + terms.distillation
        return ([total, terms.dice, terms.crossEntropy], terms.distillation, gradients)
    }

    /// Trains a variable: by Adam, unless it has no optimizer, which means gradient descent.
    /// - Parameters:
    ///   - groups: which of the variable's groups are trained; nil: all.
    ///   - adjust: changes the gradient before the optimizer sees it.
    ///   - bottleneck: as for ``gradients(_:_:bottleneck:)``.
    /// - Returns: the losses, in the order of ``terms``.
    package func train(
        _ variable: String, of state: CenterState, on volume: TrainingVolume, groups: [Int]? = nil,
        adjust: (_ gradients: Parameters, _ parameters: Parameters) -> Void = { _, _ in },
        bottleneck: (Tensor) -> Tensor? = { _ in nil }
    ) -> [Double] {
        let parameters = state[variable]
        let (losses, gradients) = gradients(volume, parameters, bottleneck: bottleneck)
        adjust(gradients, parameters)
        update(variable, of: state, by: gradients, groups: groups)
        return losses
    }

    /// Takes an optimizer's step of a variable: Adam's, unless it has no optimizer, which means gradient descent.
    /// - Parameter groups: which of the variable's groups are trained; nil: all.
    package func update(
        _ variable: String, of state: CenterState, by gradients: Parameters, groups: [Int]? = nil
    ) {
        let parameters = state[variable]
        let rate = settings.learningRate * state.rateFactor
        if let optimizer = state.optimizerIfAny(variable) {
            optimizer.update(parameters, gradients: gradients, rate: rate, groups: groups)
        } else {
            let ranges = state.variable(variable).groupRanges
            for range in (groups ?? Array(ranges.indices)).flatMap({ ranges[$0] }) {
                Elementwise.descend(gradients.tensor, rate: Float(rate), parameters.tensor, in: range)
            }
        }
    }
}
