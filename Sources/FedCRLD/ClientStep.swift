import NeuralNetwork
import Tensors

/// One step of a center on one volume (`method.md`, "Momentum distillation"):
///
/// 1. the bank's forward pass, without gradients, gives the targets;
/// 2. the client network's forward pass, loss, backward pass and Adam step;
/// 3. bank ← m · bank + (1 − m) · client;
/// 4. the bank's own forward and backward pass on the same volume, and its Adam step (self-training).
package struct ClientStep {
    private let network: ClientNetwork
    private let settings: StepSettings

    /// Steps of `network` with the given settings.
    package init(_ network: ClientNetwork, _ settings: StepSettings) {
        self.network = network
        self.settings = settings
    }

    /// Trains on one volume.
    /// - Parameters:
    ///   - image: (D, H, W, 1), H and W at least 8.
    ///   - labels: a class for each voxel, in (z, y, x) order.
    ///   - model: the encoders' and decoder's parameters with their bank.
    ///   - relocalization: the center's CRL, here or on the root rank.
    package func run(
        image: Tensor, labels: [UInt8], model: MomentumBank, relocalization: some RelocalizationService
    ) throws -> StepLosses {
        var losses = StepLosses()
        try trainNetwork(image, labels, model, relocalization, &losses)
        try trainBank(image, labels, model, relocalization, &losses)
        return losses
    }

    private func trainNetwork(
        _ image: Tensor, _ labels: [UInt8], _ model: MomentumBank, _ relocalization: some RelocalizationService,
        _ losses: inout StepLosses
    ) throws {
        let weights = settings.weights
        let teacherServer = network.globalEncoder.infer(image, model.bank)[3]
        var teacherLevels = network.localEncoder.infer(image, model.bank)
        let teacherClient = teacherLevels[3]
        let server = network.globalEncoder.forward(image, model.network)
        let client = network.localEncoder.forward(image, model.network)
        let relocalized = try relocalization.relocalize(
            bank: Bottlenecks(server: teacherServer, client: teacherClient),
            network: Bottlenecks(server: server.bottleneck, client: client.bottleneck))
        let teacher = network.decoder.infer(relocalized.bank, levels: teacherLevels, model.bank)
        teacherLevels.removeAll()
        let (probabilities, saved) = network.decoder.forward(
            relocalized.network, levels: client.levels, model.network)

        let loss = SegmentationLoss(
            dice: Float(weights.dice), crossEntropy: Float(weights.crossEntropy),
            distillation: Float(weights.distillation))
        let terms = loss.evaluate(probabilities, labels: labels, teacher: teacher)
        let gradients = Tensor(model.network.shape)
        let decoded = network.decoder.backward(
            probabilities, consume saved, levels: client.levels, model.network, into: gradients)
        let bottlenecks = try relocalization.backwardNetwork(decoded.relocalized)

        losses.dice = terms.dice
        losses.crossEntropy = terms.crossEntropy
        losses.distillation = terms.distillation
        losses.correlation =
            BottleneckLoss.meanSquaredError(
                server.bottleneck, target: teacherServer, weight: Float(weights.correlation),
                addingGradientTo: bottlenecks.server)
            + BottleneckLoss.meanSquaredError(
                client.bottleneck, target: teacherClient, weight: Float(weights.correlation),
                addingGradientTo: bottlenecks.client)
        losses.contrast = BottleneckLoss.contrast(
            server: server.bottleneck, client: client.bottleneck, weight: Float(weights.contrast),
            addingGradientsTo: bottlenecks.server, bottlenecks.client)
        losses.total =
            weights.dice * losses.dice + weights.crossEntropy * losses.crossEntropy
            + weights.distillation * losses.distillation + weights.correlation * losses.correlation
            + weights.contrast * losses.contrast

        network.globalEncoder.backward(bottleneck: bottlenecks.server, consume server, model.network, into: gradients)
        network.localEncoder.backward(
            bottleneck: bottlenecks.client, skips: decoded.skips, consume client, model.network, into: gradients)
        model.updateNetwork(gradients, settings)
    }

    private func trainBank(
        _ image: Tensor, _ labels: [UInt8], _ model: MomentumBank, _ relocalization: some RelocalizationService,
        _ losses: inout StepLosses
    ) throws {
        let server = network.globalEncoder.forward(image, model.bank)
        let client = network.localEncoder.forward(image, model.bank)
        let relocalized = try relocalization.relocalizeBank(
            Bottlenecks(server: server.bottleneck, client: client.bottleneck))
        let (probabilities, saved) = network.decoder.forward(relocalized, levels: client.levels, model.bank)
        let terms = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 0)
            .evaluate(probabilities, labels: labels, teacher: nil)
        losses.bank = terms.dice + terms.crossEntropy
        let gradients = Tensor(model.bank.shape)
        let decoded = network.decoder.backward(
            probabilities, consume saved, levels: client.levels, model.bank, into: gradients)
        let bottlenecks = try relocalization.backwardBank(decoded.relocalized)
        network.globalEncoder.backward(bottleneck: bottlenecks.server, consume server, model.bank, into: gradients)
        network.localEncoder.backward(
            bottleneck: bottlenecks.client, skips: decoded.skips, consume client, model.bank, into: gradients)
        model.updateBank(gradients, settings)
    }
}

extension ClientNetwork {
    /// Class probabilities (D, H, W, classes) of an image (D, H, W, 1), by the network's parameters.
    package func predict(
        _ image: Tensor, model: MomentumBank, relocalization: some RelocalizationService
    ) throws -> Tensor {
        let server = globalEncoder.infer(image, model.network)[3]
        let levels = localEncoder.infer(image, model.network)
        let relocalized = try relocalization.infer(Bottlenecks(server: server, client: levels[3]))
        return decoder.infer(relocalized, levels: levels, model.network)
    }
}
