import FederatedLearning
import NeuralNetwork
import Tensors

/// FedCRLD: contrastive re-localization and momentum distillation around a federated encoder. `FedCRLD.docc/method.md` has
/// the mathematics.
package struct FedCRLDMethod: FederatedMethod {
    /// Where the relocalization runs. The results are the same bits.
    package enum Placement: String, SettingValue, CaseIterable {
        /// One module per center on the root rank; bottlenecks travel there and back in every step.
        case root
        /// Each center's module on the center's own rank.
        case client
    }

    /// What segments an image.
    package enum Segmenting: String, SettingValue, CaseIterable {
        /// The center's network.
        case network
        /// Its momentum bank.
        case bank
        /// Both: their probabilities' mean.
        case both
    }

    /// `momentum`.
    package static let momentum = Setting(
        "momentum", 0.5, .number(0...1), search: .among(["0.5", "0.9", "0.99"]),
        "The weight m of the old bank: bank = m * bank + (1 - m) * client, after every step.")
    /// `md.enabled`.
    package static let distills = Setting(
        "md.enabled", true, .truth,
        "Whether there is a momentum bank; false, an ablation: the network learns from labels and contrast alone.")
    /// `md.segments`.
    package static let segments = Setting(
        "md.segments", Segmenting.network, mayChangeOnResume: true,
        "What segments images: the network, its momentum bank, or the mean of both. Training does not depend on it.")
    /// `crl.enabled`.
    package static let relocalizes = Setting(
        "crl.enabled", true, .truth,
        "Whether there is a relocalization; false, an ablation: a 1x1x1 convolution of both bottlenecks in its place.")
    /// `crl.placement`.
    package static let placement = Setting(
        "crl.placement", Placement.root, mayChangeOnResume: true,
        "Where contrastive re-localization runs: on the root rank for all centers, or on each client's rank. "
            + "Results do not depend on it.")
    /// `crl.attention_scale`.
    package static let attentionScale = Setting(
        "crl.attention_scale", AttentionScale.none, search: .among(["none", "sqrt_d"]),
        "Scaling of the attention's scores: none, as the authors', or sqrt_d: divided by the root of the depth.")
    /// `loss.distillation`.
    package static let distillation = Setting(
        "loss.distillation", 0.2, .number(0...1000), search: .logarithmic(0.02...1),
        "Weight of the cross-entropy with the bank's probabilities.")
    /// `loss.correlation`.
    package static let correlation = Setting(
        "loss.correlation", 1.0, .number(0...1000), search: .logarithmic(0.01...1),
        "Weight of the squared distance of both bottlenecks to the bank's.")
    /// `loss.contrast`.
    package static let contrast = Setting(
        "loss.contrast", 1.0, .number(0...1000), search: .logarithmic(0.01...1),
        "Weight of the divergence of the server's bottleneck from the client's.")
    /// `aggregation.parts`.
    package static let parts = Setting(
        "aggregation.parts", ["global_encoder"],
        .networkParts(["global_encoder", "local_encoder", "relocalization", "decoder"]),
        "What is federated: prefixes of state-dict names. All else stays at its center. []: nothing, an ablation.")

    package static let about = MethodDescription(
        "fedcrld",
        summary: "Contrastive re-localization and momentum distillation around a federated encoder.",
        reference:
            "Qi, Yang, He, Liu, Islam, Li: Contrastive Re-localization and History Distillation in Federated CMR "
            + "Segmentation, MICCAI 2022",
        formula: "dice + cross-entropy + distillation + correlation + contrast; bank = m * bank + (1 - m) * client",
        settings: [
            momentum.key, distills.key, segments.key, relocalizes.key, placement.key, attentionScale.key,
            distillation.key,
            correlation.key, contrast.key, parts.key,
        ],
        ablations: [
            ("no-crl", ["crl.enabled=false"]), ("no-md", ["md.enabled=false"]),
            ("no-contrast", ["loss.contrast=0"]), ("no-correlation", ["loss.correlation=0"]),
            ("no-federation", ["aggregation.parts=[]"]),
            (
                "all-federated",
                [
                    "aggregation.parts=[global_encoder, local_encoder, relocalization, decoder.stage1, decoder.stage2, "
                        + "decoder.stage3]"
                ]
            ),
        ])

    /// The part of a state that may live on the root.
    package static let relocalizationPart = StatePart(module: "relocalization")

    private let network: ClientNetwork
    /// What a step depends on.
    package let settings: StepSettings
    private let isRemote: Bool
    private let segmenting: Segmenting
    package let exchanges: [Exchange]

    package init(
        _ settings: TrainingSettings, heads: [Int], population: Population
    ) throws(MethodError) {
        guard settings.optimizer != .sgd else {
            throw MethodError(
                "optimizer", "it is trained by Adam, as published",
                remedy: "leave optimizer as it is, or set it to adam")
        }
        let own = settings.own
        network = ClientNetwork(
            width: settings.width, classes: heads[0], attentionScale: own[Self.attentionScale],
            relocalizes: own[Self.relocalizes])
        var step = StepSettings(
            learningRate: settings.learningRate, momentum: own[Self.distills] ? own[Self.momentum] : nil)
        step.weights.dice = settings.diceWeight
        step.weights.crossEntropy = settings.crossEntropyWeight
        step.weights.diceClasses = settings.diceClasses
        step.weights.distillation = own[Self.distillation]
        step.weights.correlation = own[Self.correlation]
        step.weights.contrast = own[Self.contrast]
        self.settings = step
        isRemote = own[Self.placement] == .root
        segmenting = own[Self.segments]
        let selection = Selection(below: own[Self.parts])
        exchanges = [Exchange("network", selection)]
        guard own[Self.distills] || segmenting == .network else {
            throw MethodError(
                Self.segments.key.name, "without momentum distillation there is no bank that could segment",
                remedy: "set md.segments=network")
        }
        try check(own[Self.parts], population)
    }

    /// The parts exist, and all centers agree in their shapes.
    private func check(_ prefixes: [String], _ population: Population) throws(MethodError) {
        let entries = network.layout.entries + network.relocalization.layout.entries
        let remedy = "name parts that all centers share, such as global_encoder, local_encoder or decoder.stage1"
        for prefix in prefixes where !entries.contains(where: Selection(below: [prefix]).contains) {
            throw MethodError(Self.parts.key.name, "the network has no part \"\(prefix)\"", remedy: remedy)
        }
        // The head alone depends on what differs between centers: their classes.
        let shared = entries.filter(Selection(below: prefixes).contains)
        guard !population.hasEqualClasses, let head = shared.first(where: { $0.name.hasPrefix("decoder.head.") }) else {
            return
        }
        throw MethodError(
            Self.parts.key.name, "centers differ in their classes, so \(head.name) is not the same for all",
            remedy: remedy)
    }

    package var width: Int { network.width }
    package var heads: [Int] { [network.classes] }
    package var networkParameters: Int { network.layout.count + network.relocalization.layout.count }
    package var remotePart: StatePart? { isRemote ? Self.relocalizationPart : nil }

    private var hasBank: Bool { settings.momentum != nil }

    package var terms: [LossTerm] {
        let total = LossTerm("total", shown: "loss")
        guard hasBank else { return [LossTerm("dice"), LossTerm("cross_entropy"), LossTerm("contrast"), total] }
        return [
            LossTerm("dice"), LossTerm("cross_entropy"), LossTerm("distillation"), LossTerm("correlation"),
            LossTerm("contrast"), total, LossTerm("bank", shown: "bank"),
        ]
    }

    package var variables: [Variable] {
        MomentumBank.variables(network.layout, hasBank: hasBank)
            + MomentumBank.variables(
                network.relocalization.layout, part: Self.relocalizationPart, hasBank: hasBank)
    }

    package func step(
        _ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext
    ) throws -> [Double] {
        let losses = try ClientStep(network, settings).run(
            image: volume.image, labels: volume.labels, model: MomentumBank(state),
            relocalization: relocalization(of: state, context.services))
        return hasBank ? losses.array : losses.arrayWithoutBank
    }

    package func predict(_ image: Tensor, head: Int, _ state: CenterState, _ services: Services) throws -> Tensor {
        let (model, relocalization) = (MomentumBank(state), relocalization(of: state, services))
        func predict(byBank: Bool) throws -> Tensor {
            try network.predict(image, model: model, byBank: byBank, relocalization: relocalization)
        }
        guard segmenting == .both else { return try predict(byBank: segmenting == .bank) }
        let sum = try predict(byBank: false)
        Elementwise.add(try predict(byBank: true), to: sum)
        Elementwise.scale(sum, by: 0.5)
        return sum
    }

    package func trace(
        _ image: InferenceGraph.Value, head: Int, _ state: CenterState, in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        let (model, relocalization) = (
            MomentumBank(state), MomentumBank(state, part: Self.relocalizationPart)
        )
        func trace(byBank: Bool) -> InferenceGraph.Value {
            graph.prefix = byBank && segmenting == .both ? "bank." : ""
            return network.trace(
                image, byBank ? model.teacher : model.student,
                relocalizing: byBank ? relocalization.teacher : relocalization.student, in: &graph)
        }
        guard segmenting == .both else { return trace(byBank: segmenting == .bank) }
        return graph.add(.mean, [trace(byBank: false), trace(byBank: true)])
    }

    private func relocalization(of state: CenterState, _ services: Services) -> any RelocalizationService {
        services.channel.map { RemoteRelocalization($0) } ?? localRelocalization(of: state)
    }

    private func localRelocalization(of state: CenterState) -> LocalRelocalization {
        LocalRelocalization(
            network.relocalization, MomentumBank(state, part: Self.relocalizationPart), settings)
    }

    package func module(of state: CenterState) -> any RemoteModule { localRelocalization(of: state) }
    package var operations: [RemoteOperation] {
        RelocalizationOperation.allCases.map { $0.description(hasBank: hasBank) }
    }
}
