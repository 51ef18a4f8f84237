import NeuralNetwork
import Tensors

/// The transformer of ``Relocalization``.
package struct RelocalizationTransformer: Sendable {
    private let selfAttention: Attention
    private let selfFusion: ConvolutionLayer
    private let crossAttention: Attention
    private let crossFusion: ConvolutionLayer
    private let norm: NormalizationLayer

    /// Registers `relocalization.…` for bottlenecks of so many channels.
    init(channels: Int, attentionScale: AttentionScale, in layout: inout ParameterLayout) {
        let scale = attentionScale.factor(inner: channels / 2)
        let name = "relocalization"
        selfAttention = Attention(name + ".self_attention", channels: channels, scale: scale, in: &layout)
        selfFusion = ConvolutionLayer(name + ".self_fusion", taps: 3, inputs: channels, outputs: channels, in: &layout)
        crossAttention = Attention(name + ".cross_attention", channels: channels, scale: scale, in: &layout)
        crossFusion = ConvolutionLayer(
            name + ".cross_fusion", taps: 3, inputs: channels, outputs: channels, in: &layout)
        norm = NormalizationLayer(name + ".norm", channels: channels, rectified: false, in: &layout)
    }

    /// Both fusions, for bottlenecks of the extent of `shape`.
    func convolutions(at shape: Shape) -> [PlacedConvolution] {
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
    func forward(server: Tensor, client: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved) {
        let (attended, selfSaved) = selfAttention.forward(client, context: client, parameters)
        Elementwise.add(client, to: attended)
        let (first, norm1) = normalized(attended, parameters)
        let fused = selfFusion.forward(FeatureMap(first), parameters)
        Elementwise.add(first, to: fused)
        let (a, norm2) = normalized(fused, parameters)

        let (crossed, crossSaved) = crossAttention.forward(server, context: a, parameters)
        Elementwise.add(a, to: crossed)
        let (second, norm3) = normalized(crossed, parameters)
        let crossFused = crossFusion.forward(FeatureMap(second), parameters)
        Elementwise.add(second, to: crossFused)
        let (b, norm4) = normalized(crossFused, parameters)
        return (
            Elementwise.concatenate(a, b),
            Saved(selfAttention: selfSaved, crossAttention: crossSaved, norms: [norm1, norm2, norm3, norm4])
        )
    }

    /// What is used more than once is written.
    private func normalized(
        _ values: Tensor, _ parameters: Parameters
    ) -> (output: Tensor, saved: NormalizationLayer.Saved) {
        let (output, saved) = norm.forward(values, parameters)
        return (output.written(), saved)
    }

    /// Adds the transformer to a graph.
    func trace(
        server: InferenceGraph.Value, client: InferenceGraph.Value, _ parameters: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        func normalized(_ x: InferenceGraph.Value, plus y: InferenceGraph.Value) -> InferenceGraph.Value {
            norm.trace(graph.add(.addition, [x, y]), parameters, in: &graph)
        }
        let first = normalized(selfAttention.trace(client, context: client, parameters, in: &graph), plus: client)
        let a = normalized(selfFusion.trace(first, parameters, in: &graph), plus: first)
        let second = normalized(crossAttention.trace(server, context: a, parameters, in: &graph), plus: a)
        let b = normalized(crossFusion.trace(second, parameters, in: &graph), plus: second)
        return graph.add(.concatenation, [a, b])
    }

    /// Writes the parameters' gradients and returns the ones by the bottlenecks, given the one by the output.
    func backward(
        _ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients
    ) -> (server: Tensor, client: Tensor) {
        let (fromA, fromB) = Elementwise.halve(gradient)
        // One normalization serves four places: the sum of its gradients is written when the last is known.
        return gradients.write(norm.range) { ofNorm in
            /// Through a fusion and the normalizations behind and before it, of which `index` is the first to go back through.
            func goBack(_ gradient: Tensor, through fusion: ConvolutionLayer, from index: Int) {
                norm.backward(
                    gradient, saved.norms[index], parameters, into: ofNorm, accumulating: index < saved.norms.count - 1)
                let before = fusion.backward(
                    { norm.output(saved.norms[index - 1], parameters) }, gradient, parameters, into: gradients)
                Elementwise.add(before.tensors[0], to: gradient)
                norm.backward(gradient, saved.norms[index - 1], parameters, into: ofNorm, accumulating: true)
            }
            goBack(fromB, through: crossFusion, from: 3)
            let cross = crossAttention.backward(fromB, saved.crossAttention, parameters, into: gradients)
            Elementwise.add(fromB, to: fromA)
            Elementwise.add(cross.context, to: fromA)
            goBack(fromA, through: selfFusion, from: 1)
            let own = selfAttention.backward(fromA, saved.selfAttention, parameters, into: gradients)
            Elementwise.add(own.queries, to: fromA)
            Elementwise.add(own.context, to: fromA)
            return (cross.queries, fromA)
        }
    }
}
