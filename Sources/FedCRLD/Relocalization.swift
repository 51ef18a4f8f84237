import FederatedLearning
import NeuralNetwork
import Tensors

/// Contrastive re-localization (CRL): a cross-attention transformer that takes from the server's representation what
/// correlates with the client's (`method.md`, "Contrastive re-localization").
///
///     a = gn(SelfAttention(c, c) + c);    a = gn(a + self_fusion(a))
///     b = gn(CrossAttention(s, a) + a);   b = gn(b + cross_fusion(b))
///     relocalized = concat(a, b)
///
/// s and c are the bottlenecks of the global and the local encoder; one group normalization serves all four places. Without
/// it, an ablation, a 1 × 1 × 1 convolution of both bottlenecks side by side stands in its place.
package struct Relocalization: Sendable {
    /// Names, shapes and places of the module's parameters, `relocalization.…`.
    package let layout: ParameterLayout
    private let kind: Kind

    private enum Kind {
        case transformer(RelocalizationTransformer)
        case projection(PointwiseLayer)
    }

    /// The module for base width `width`: 16w channels.
    /// - Parameter isPlain: whether a projection stands in the transformer's place.
    package init(width: Int, attentionScale: AttentionScale, isPlain: Bool = false) {
        let channels = 16 * width
        var layout = ParameterLayout()
        kind =
            isPlain
            ? .projection(
                PointwiseLayer(
                    "relocalization.projection", inputs: 2 * channels, outputs: 2 * channels, in: &layout))
            : .transformer(RelocalizationTransformer(channels: channels, attentionScale: attentionScale, in: &layout))
        self.layout = layout
    }

    /// Its 3 × 3 convolutions, for bottlenecks of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        switch kind {
        case .transformer(let transformer): transformer.convolutions(at: shape)
        case .projection: []
        }
    }

    /// What the backward pass needs.
    package enum Saved: Sendable {
        /// Of the transformer.
        case transformer(RelocalizationTransformer.Saved)
        /// Both bottlenecks side by side.
        case projection(Tensor)
    }

    /// The relocalized features (D, H, W, 32w) of the server's and the client's bottlenecks (D, H, W, 16w).
    package func forward(server: Tensor, client: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved) {
        switch kind {
        case .transformer(let transformer):
            let (output, saved) = transformer.forward(server: server, client: client, parameters)
            return (output, .transformer(saved))
        case .projection(let layer):
            let joined = Elementwise.concatenate(server, client)
            return (layer.forward(FeatureMap(joined), parameters), .projection(joined))
        }
    }

    /// Adds the module to a graph.
    package func trace(
        server: InferenceGraph.Value, client: InferenceGraph.Value, _ parameters: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        switch kind {
        case .transformer(let transformer):
            transformer.trace(server: server, client: client, parameters, in: &graph)
        case .projection(let layer):
            layer.trace(graph.add(.concatenation, [server, client]), parameters, in: &graph)
        }
    }

    /// Writes the parameters' gradients and returns the ones by the bottlenecks, given the one by the output.
    package func backward(
        _ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients
    ) -> (server: Tensor, client: Tensor) {
        switch (kind, saved) {
        case (.transformer(let transformer), .transformer(let saved)):
            return transformer.backward(gradient, saved, parameters, into: gradients)
        case (.projection(let layer), .projection(let joined)):
            return Elementwise.halve(layer.backward(FeatureMap(joined), gradient, parameters, into: gradients))
        default: preconditionFailure("a backward pass is given what its forward pass has kept")
        }
    }
}

/// How attention scores are scaled.
package enum AttentionScale: String, SettingValue, CaseIterable {
    /// Not at all: the authors' network.
    case none
    /// By 1/√d, as transformers usually do.
    case rootOfWidth = "sqrt_d"

    func factor(inner: Int) -> Float { self == .none ? 1 : 1 / Float(inner).squareRoot() }
}
