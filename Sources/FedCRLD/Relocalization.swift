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
/// s and c are the bottlenecks of the global and the local encoder; one group normalization serves all four places.
package struct Relocalization: Sendable {
    /// Names, shapes and places of the module's parameters, `relocalization.…`.
    package let layout: ParameterLayout
    private let selfAttention: Attention
    private let selfFusion: ConvolutionLayer
    private let crossAttention: Attention
    private let crossFusion: ConvolutionLayer
    private let norm: NormalizationLayer

    /// The module for base width `width`: 16w channels.
    package init(width: Int, attentionScale: AttentionScale) {
        let channels = 16 * width
        let scale = attentionScale.factor(inner: channels / 2)
        var layout = ParameterLayout()
        let name = "relocalization"
        selfAttention = Attention(name + ".self_attention", channels: channels, scale: scale, in: &layout)
        selfFusion = ConvolutionLayer(name + ".self_fusion", taps: 3, inputs: channels, outputs: channels, in: &layout)
        crossAttention = Attention(name + ".cross_attention", channels: channels, scale: scale, in: &layout)
        crossFusion = ConvolutionLayer(
            name + ".cross_fusion", taps: 3, inputs: channels, outputs: channels, in: &layout)
        norm = NormalizationLayer(name + ".norm", channels: channels, rectified: false, in: &layout)
        self.layout = layout
    }

    /// Both fusions, for bottlenecks of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        [selfFusion, crossFusion].map { $0.placed(at: shape) }
    }

    /// What the backward pass needs.
    package struct Saved: Sendable {
        fileprivate let selfAttention: Attention.Saved
        fileprivate let crossAttention: Attention.Saved
        /// The four uses of the normalization, in forward order.
        fileprivate let norms: [NormalizationLayer.Saved]
    }

    /// The relocalized features (D, H, W, 32w) of the server's and the client's bottlenecks (D, H, W, 16w).
    package func forward(server: Tensor, client: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved) {
        let (attended, selfSaved) = selfAttention.forward(client, context: client, parameters)
        Elementwise.add(client, to: attended)
        let (first, norm1) = norm.forward(attended, parameters)
        let fused = selfFusion.forward(first, parameters)
        Elementwise.add(first, to: fused)
        let (a, norm2) = norm.forward(fused, parameters)

        let (crossed, crossSaved) = crossAttention.forward(server, context: a, parameters)
        Elementwise.add(a, to: crossed)
        let (second, norm3) = norm.forward(crossed, parameters)
        let crossFused = crossFusion.forward(second, parameters)
        Elementwise.add(second, to: crossFused)
        let (b, norm4) = norm.forward(crossFused, parameters)
        return (
            Elementwise.concatenate(a, b),
            Saved(selfAttention: selfSaved, crossAttention: crossSaved, norms: [norm1, norm2, norm3, norm4])
        )
    }

    /// Writes the parameters' gradients and returns the ones by the bottlenecks, given the one by the output.
    package func backward(
        _ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into gradients: Parameters
    ) -> (server: Tensor, client: Tensor) {
        let (fromA, fromB) = Elementwise.halve(gradient)
        norm.backward(fromB, saved.norms[3], parameters, into: gradients)
        crossFusion.backwardWeights(norm.output(saved.norms[2], parameters), fromB, into: gradients)
        Elementwise.add(crossFusion.backwardData(fromB, parameters), to: fromB)
        norm.backward(fromB, saved.norms[2], parameters, into: gradients, accumulating: true)
        let cross = crossAttention.backward(fromB, saved.crossAttention, parameters, into: gradients)
        Elementwise.add(fromB, to: fromA)
        Elementwise.add(cross.context, to: fromA)

        norm.backward(fromA, saved.norms[1], parameters, into: gradients, accumulating: true)
        selfFusion.backwardWeights(norm.output(saved.norms[0], parameters), fromA, into: gradients)
        Elementwise.add(selfFusion.backwardData(fromA, parameters), to: fromA)
        norm.backward(fromA, saved.norms[0], parameters, into: gradients, accumulating: true)
        let own = selfAttention.backward(fromA, saved.selfAttention, parameters, into: gradients)
        Elementwise.add(own.queries, to: fromA)
        Elementwise.add(own.context, to: fromA)
        return (cross.queries, fromA)
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
