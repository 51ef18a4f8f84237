import NeuralNetwork
import Tensors

/// What a client step asks of its contrastive re-localization, wherever that runs. The four calls of a step come in this
/// order; both placements do the same arithmetic with the same kernels.
package protocol RelocalizationService: AnyObject {
    /// Relocalizes with the bank's module (nothing kept) and with the network's (kept for ``backwardNetwork(_:)``).
    func relocalize(bank: Bottlenecks, network: Bottlenecks) throws -> (bank: Tensor, network: Tensor)
    /// The gradients by the network's bottlenecks; the module takes its step of Adam and the bank its average.
    func backwardNetwork(_ gradient: Tensor) throws -> Bottlenecks
    /// Relocalizes with the bank's module, kept for ``backwardBank(_:)``.
    func relocalizeBank(_ bottlenecks: Bottlenecks) throws -> Tensor
    /// The gradients by the bank's bottlenecks; the bank's module takes its step of Adam.
    func backwardBank(_ gradient: Tensor) throws -> Bottlenecks
    /// Relocalizes with the network's module for a prediction.
    func infer(_ bottlenecks: Bottlenecks) throws -> Tensor
}

/// Contrastive re-localization of one center in this process.
package final class LocalRelocalization: RelocalizationService {
    /// The module's parameters with their bank and optimizers.
    package let parameters: MomentumBank
    private let module: Relocalization
    private let settings: StepSettings
    private var saved: Relocalization.Saved?

    /// Runs `module` with `parameters`.
    package init(_ module: Relocalization, _ parameters: MomentumBank, _ settings: StepSettings) {
        self.module = module
        self.parameters = parameters
        self.settings = settings
    }

    /// See ``RelocalizationService``.
    package func relocalize(bank: Bottlenecks, network: Bottlenecks) -> (bank: Tensor, network: Tensor) {
        let target = module.forward(server: bank.server, client: bank.client, parameters.bank).output
        let (output, saved) = module.forward(server: network.server, client: network.client, parameters.network)
        self.saved = saved
        return (target, output)
    }

    /// See ``RelocalizationService``.
    package func backwardNetwork(_ gradient: Tensor) -> Bottlenecks {
        let (result, gradients) = backward(gradient, parameters.network)
        parameters.updateNetwork(gradients, settings)
        return result
    }

    /// See ``RelocalizationService``.
    package func relocalizeBank(_ bottlenecks: Bottlenecks) -> Tensor {
        let (output, saved) = module.forward(
            server: bottlenecks.server, client: bottlenecks.client, parameters.bank)
        self.saved = saved
        return output
    }

    /// See ``RelocalizationService``.
    package func backwardBank(_ gradient: Tensor) -> Bottlenecks {
        let (result, gradients) = backward(gradient, parameters.bank)
        parameters.updateBank(gradients, settings)
        return result
    }

    /// See ``RelocalizationService``.
    package func infer(_ bottlenecks: Bottlenecks) -> Tensor {
        module.forward(server: bottlenecks.server, client: bottlenecks.client, parameters.network).output
    }

    private func backward(_ gradient: Tensor, _ values: Tensor) -> (Bottlenecks, gradients: Tensor) {
        guard let saved else { preconditionFailure("a backward pass follows its forward pass") }
        self.saved = nil
        let gradients = Tensor(values.shape)
        let (server, client) = module.backward(gradient, saved, values, into: gradients)
        return (Bottlenecks(server: server, client: client), gradients)
    }
}
