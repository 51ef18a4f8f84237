import NeuralNetwork
import Tensors

/// The network of one center (`method.md`, "Client network"): image (D, H, W, 1) to class probabilities (D, H, W, C).
///
/// This is the description, without values: two flat arrays hold those, one of the encoders and the decoder and one of
/// the relocalization, because the latter may live on the root rank.
package struct ClientNetwork: Sendable {
    /// Names, shapes and places of `global_encoder.…`, `local_encoder.…` and `decoder.…`.
    package let layout: ParameterLayout
    /// The federated encoder.
    package let globalEncoder: Encoder
    /// The center's own encoder.
    package let localEncoder: Encoder
    /// The contrastive re-localization module, with a layout of its own.
    package let relocalization: Relocalization
    /// From relocalized features to probabilities.
    package let decoder: Decoder
    /// Base width.
    package let width: Int
    /// Classes, background included.
    package let classes: Int

    /// The network of base width `width` (a multiple of 4) for `classes` (2 or more) classes.
    /// - Parameter relocalizes: whether there is a relocalization; else a projection stands in its place.
    package init(width: Int, classes: Int, attentionScale: AttentionScale = .none, relocalizes: Bool = true) {
        precondition(width > 0 && width % 4 == 0, "the base width is a multiple of 4")
        precondition(classes >= 2, "at least a background and a foreground class")
        self.width = width
        self.classes = classes
        var layout = ParameterLayout()
        globalEncoder = Encoder("global_encoder", width: width, in: &layout)
        localEncoder = Encoder("local_encoder", width: width, in: &layout)
        decoder = Decoder(width: width, heads: [classes], in: &layout)
        relocalization = Relocalization(
            width: width, attentionScale: attentionScale, isPlain: !relocalizes)
        self.layout = layout
    }

    /// Adds the network to a graph.
    /// - Parameters:
    ///   - parameters: of the encoders and the decoder.
    ///   - relocalizing: of the relocalization.
    package func trace(
        _ image: InferenceGraph.Value, _ parameters: Parameters, relocalizing: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        let server = globalEncoder.trace(image, parameters, in: &graph)[3]
        let levels = localEncoder.trace(image, parameters, in: &graph)
        let relocalized = relocalization.trace(server: server, client: levels[3], relocalizing, in: &graph)
        return decoder.trace(relocalized, levels: levels, parameters, in: &graph)
    }

    /// Every 3 × 3 convolution of the network, in forward order, for an image of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        globalEncoder.convolutions(at: shape) + localEncoder.convolutions(at: shape)
            + relocalization.convolutions(at: Encoder.extents(shape)[3]) + decoder.convolutions(at: shape)
    }
}

/// The bottlenecks of the global and the local encoder, both (D, H/8, W/8, 16w).
package struct Bottlenecks: Sendable {
    /// Of the global (server) encoder.
    package let server: Tensor
    /// Of the local (client) encoder.
    package let client: Tensor

    /// A pair of bottlenecks, or of gradients by them.
    package init(server: Tensor, client: Tensor) {
        self.server = server
        self.client = client
    }
}
