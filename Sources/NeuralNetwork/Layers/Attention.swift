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

    /// What the backward pass needs. Projections are made again.
    package struct Saved: Sendable {
        fileprivate let queries: Tensor
        fileprivate let context: Tensor
        fileprivate let output: DotProductAttention.Output
    }

    /// (D, H, W, channels) of queries and of context to the same shape.
    package func forward(_ queries: Tensor, context: Tensor, _ parameters: Parameters) -> (output: Tensor, saved: Saved)
    {
        let (queryMap, contextMap) = (FeatureMap(queries), FeatureMap(context))
        let attended = kernel.forward(
            queries: query.forward(queryMap, parameters), keys: key.forward(contextMap, parameters),
            values: value.forward(contextMap, parameters))
        return (
            projection.forward(FeatureMap(attended.result), parameters),
            Saved(queries: queries, context: context, output: attended)
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
        let (queryMap, contextMap) = (FeatureMap(saved.queries), FeatureMap(saved.context))
        let inner = kernel.backward(
            attended, queries: query.forward(queryMap, parameters), keys: key.forward(contextMap, parameters),
            values: value.forward(contextMap, parameters), output: saved.output)
        let queries = query.backward(queryMap, inner.queries, parameters, into: gradients)
        let context = key.backward(contextMap, inner.keys, parameters, into: gradients)
        value.backward(contextMap, inner.values, parameters, into: gradients, addingTo: context)
        return (queries, context)
    }
}
