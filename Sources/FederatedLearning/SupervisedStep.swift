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

    /// The losses of a volume, in the order of ``terms``, and their weighted sum's gradient.
    /// - Parameter bottleneck: given the encoder's last output, the gradient of a further loss by it.
    package func gradients(
        _ volume: TrainingVolume, _ parameters: Parameters, bottleneck: (Tensor) -> Tensor? = { _ in nil }
    ) -> (losses: [Double], gradients: Parameters) {
        let (probabilities, saved) = network.forward(volume.image, head: volume.head, parameters)
        let loss = SegmentationLoss(
            dice: Float(settings.diceWeight), crossEntropy: Float(settings.crossEntropyWeight), distillation: 0,
            classes: settings.diceClasses)
        let terms = loss.evaluate(probabilities, labels: volume.labels, teacher: nil)
        let further = bottleneck(saved.bottleneck)
        let gradients = network.backward(probabilities, saved, parameters, bottleneck: further)
        let total = settings.diceWeight * terms.dice + settings.crossEntropyWeight * terms.crossEntropy
        return ([total, terms.dice, terms.crossEntropy], gradients)
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
