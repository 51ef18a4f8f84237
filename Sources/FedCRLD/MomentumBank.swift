import NeuralNetwork
import Tensors

/// A network and its momentum bank: a second network of the same shape with an optimizer of its own (`method.md`,
/// "Momentum distillation"). One exists for the encoders and decoder of a center, one for its relocalization.
package final class MomentumBank {
    /// Names, shapes and places of the parameters.
    package let layout: ParameterLayout
    /// The network's parameters.
    package let network: Tensor
    /// The bank's parameters.
    package let bank: Tensor
    /// The network's optimizer.
    package let networkOptimizer: Adam
    /// The bank's optimizer.
    package let bankOptimizer: Adam

    /// Starts with `network` and a bank that is a copy of it.
    package init(_ layout: ParameterLayout, network: Tensor) {
        precondition(network.count == layout.count, "\(network.count) values for \(layout.count) parameters")
        self.layout = layout
        self.network = network
        bank = network.copy()
        networkOptimizer = Adam(layout)
        bankOptimizer = Adam(layout)
    }

    /// Adam's step on the network, then bank ← m · bank + (1 − m) · network.
    package func updateNetwork(_ gradients: Tensor, _ settings: StepSettings) {
        networkOptimizer.update(
            network, gradients: gradients, rate: settings.learningRate, average: bank,
            momentum: Float(settings.momentum))
    }

    /// Adam's step on the bank, from its own (self-training) loss.
    package func updateBank(_ gradients: Tensor, _ settings: StepSettings) {
        bankOptimizer.update(bank, gradients: gradients, rate: settings.learningRate)
    }
}
