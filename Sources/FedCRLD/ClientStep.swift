import NeuralNetwork
import Tensors

/// One step of a center on one volume (`method.md`, "Momentum distillation"):
///
/// 1. the bank's forward pass, without gradients, gives the targets: it is the teacher;
/// 2. the client network's (the student's) forward pass, loss, backward pass and Adam step;
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
        try trainStudent(image, labels, model, relocalization, &losses)
        if hasBank { try trainTeacher(image, labels, model, relocalization, &losses) }
        return losses
    }

    /// Whether there is a bank; else the student learns from labels and contrast alone.
    private var hasBank: Bool { settings.momentum != nil }

    private func trainStudent(
        _ image: Tensor, _ labels: [UInt8], _ model: MomentumBank, _ relocalization: some RelocalizationService,
        _ losses: inout StepLosses
    ) throws {
        let weights = settings.weights
        let teacherServer = hasBank ? network.globalEncoder.infer(image, model.teacher).bottleneck : nil
        var teacherClient = hasBank ? network.localEncoder.infer(image, model.teacher) : nil
        let target = teacherServer.flatMap { server in
            teacherClient.map { Bottlenecks(server: server, client: $0.bottleneck) }
        }
        let server = network.globalEncoder.forward(image, model.student, forDecoder: false)
        let client = network.localEncoder.forward(image, model.student)
        let own = Bottlenecks(server: server.bottleneck, client: client.bottleneck)
        let relocalized: Tensor
        var teacher: Tensor?
        if let target, let levels = teacherClient.take()?.levels {
            let both = try relocalization.relocalize(teacher: target, student: own)
            relocalized = both.student
            teacher = network.decoder.infer(both.teacher, levels: consume levels, model.teacher)
        } else {
            relocalized = try relocalization.relocalizeStudent(own)
        }
        let (probabilities, saved) = network.decoder.forward(relocalized, levels: client.levels, model.student)

        let loss = SegmentationLoss(
            dice: Float(weights.dice), crossEntropy: Float(weights.crossEntropy),
            distillation: hasBank ? Float(weights.distillation) : 0, classes: weights.diceClasses)
        let terms = loss.evaluate(probabilities, labels: labels, teacher: teacher.take())
        let gradients = model.studentStep(settings)
        let decoded = network.decoder.backward(
            consume probabilities, consume saved, levels: client.levels, model.student, into: gradients)
        let bottlenecks = try relocalization.backwardStudent(decoded.bottleneck)

        losses.dice = terms.dice
        losses.crossEntropy = terms.crossEntropy
        losses.distillation = terms.distillation
        if let target {
            losses.correlation =
                BottleneckLoss.meanSquaredError(
                    server.bottleneck, target: target.server, weight: Float(weights.correlation),
                    addingGradientTo: bottlenecks.server)
                + BottleneckLoss.meanSquaredError(
                    client.bottleneck, target: target.client, weight: Float(weights.correlation),
                    addingGradientTo: bottlenecks.client)
        }
        losses.contrast = BottleneckLoss.contrast(
            server: server.bottleneck, client: client.bottleneck, weight: Float(weights.contrast),
            addingGradientsTo: bottlenecks.server, bottlenecks.client)
        losses.total =
            weights.dice * losses.dice + weights.crossEntropy * losses.crossEntropy
            + weights.distillation * losses.distillation + weights.correlation * losses.correlation
            + weights.contrast * losses.contrast

        network.globalEncoder.backward(bottleneck: bottlenecks.server, consume server, model.student, into: gradients)
        network.localEncoder.backward(
            bottleneck: bottlenecks.client, skips: decoded.skips, consume client, model.student, into: gradients)
    }

    private func trainTeacher(
        _ image: Tensor, _ labels: [UInt8], _ model: MomentumBank, _ relocalization: some RelocalizationService,
        _ losses: inout StepLosses
    ) throws {
        let server = network.globalEncoder.forward(image, model.teacher, forDecoder: false)
        let client = network.localEncoder.forward(image, model.teacher)
        let relocalized = try relocalization.relocalizeTeacher(
            Bottlenecks(server: server.bottleneck, client: client.bottleneck))
        let (probabilities, saved) = network.decoder.forward(relocalized, levels: client.levels, model.teacher)
        let loss = SegmentationLoss(
            dice: 1, crossEntropy: 1, distillation: 0, classes: settings.weights.diceClasses)
        let terms = loss.evaluate(probabilities, labels: labels, teacher: nil)
        losses.bank = terms.dice + terms.crossEntropy
        let gradients = model.teacherStep(settings)
        let decoded = network.decoder.backward(
            consume probabilities, consume saved, levels: client.levels, model.teacher, into: gradients)
        let bottlenecks = try relocalization.backwardTeacher(decoded.bottleneck)
        network.globalEncoder.backward(bottleneck: bottlenecks.server, consume server, model.teacher, into: gradients)
        network.localEncoder.backward(
            bottleneck: bottlenecks.client, skips: decoded.skips, consume client, model.teacher, into: gradients)
    }
}

extension ClientNetwork {
    /// Class probabilities (D, H, W, classes) of an image (D, H, W, 1), by the network's parameters, or by the bank's.
    package func predict(
        _ image: Tensor, model: MomentumBank, byBank: Bool = false, relocalization: some RelocalizationService
    ) throws -> Tensor {
        let parameters = byBank ? model.teacher : model.student
        let server = globalEncoder.infer(image, parameters).bottleneck
        let client = localEncoder.infer(image, parameters)
        let bottlenecks = Bottlenecks(server: server, client: client.bottleneck)
        let relocalized = try byBank ? relocalization.inferTeacher(bottlenecks) : relocalization.infer(bottlenecks)
        return decoder.infer(relocalized, levels: client.levels, parameters)
    }
}
