import Tensors

/// `Attention(q, kv) = output(softmax(query(q) · key(kv)ᵀ) · value(kv))` of `method.md`: one head over all positions,
/// 1 × 1 × 1 projections to half the channels and back.
package struct Attention: Sendable {
    private let query: PointwiseLayer
    private let key: PointwiseLayer
    private let value: PointwiseLayer
    private let projection: PointwiseLayer
    private let kernel: DotProductAttention

    /// Registers `name.query`, `name.key`, `name.value`, `name.output`; `channels` is a multiple of 8.
    package init(_ name: String, channels: Int, scale: Float, in layout: inout ParameterLayout) {
        let inner = channels / 2
        query = PointwiseLayer(name + ".query", inputs: channels, outputs: inner, in: &layout)
        key = PointwiseLayer(name + ".key", inputs: channels, outputs: inner, in: &layout)
        value = PointwiseLayer(name + ".value", inputs: channels, outputs: inner, in: &layout)
        projection = PointwiseLayer(name + ".output", inputs: inner, outputs: channels, in: &layout)
        kernel = DotProductAttention(scale: scale)
    }

    /// What the backward pass needs.
    package struct Saved: Sendable {
        fileprivate let queries: Tensor
        fileprivate let context: Tensor
        fileprivate let projected: (queries: Tensor, keys: Tensor, values: Tensor)
        fileprivate let output: DotProductAttention.Output
    }

    /// (D, H, W, channels) of queries and of context to the same shape.
    package func forward(_ queries: Tensor, context: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved)
    {
        let projected = (
            queries: query.forward(FeatureMap(queries), parameters),
            keys: key.forward(FeatureMap(context), parameters),
            values: value.forward(FeatureMap(context), parameters)
        )
        let attended = kernel.forward(
            queries: projected.queries, keys: projected.keys, values: projected.values)
        return (
            projection.forward(FeatureMap(attended.result), parameters),
            Saved(queries: queries, context: context, projected: projected, output: attended)
        )
    }

    /// Adds the attention to a graph.
    package func trace(
        _ queries: InferenceGraph.Value, context: InferenceGraph.Value, _ parameters: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        let projected = [(query, queries), (key, context), (value, context)]
            .map { layer, input in layer.trace(input, parameters, in: &graph) }
        return projection.trace(graph.add(.attention(scale: kernel.scale), projected), parameters, in: &graph)
    }

    /// Writes the parameters' gradients and returns the ones by queries and context.
    package func backward(
        _ gradient: Tensor, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients
    ) -> (queries: Tensor, context: Tensor) {
        let attended = projection.backward(FeatureMap(saved.output.result), gradient, parameters, into: gradients)
        let inner = kernel.backward(
            attended, queries: saved.projected.queries, keys: saved.projected.keys, values: saved.projected.values,
            output: saved.output)
        let queries = query.backward(FeatureMap(saved.queries), inner.queries, parameters, into: gradients)
        let kept = FeatureMap(saved.context)
        let context = key.backward(kept, inner.keys, parameters, into: gradients)
        value.backward(kept, inner.values, parameters, into: gradients, addingTo: context)
        return (queries, context)
    }
}
