import Tensors

/// A U-Net: image (D, H, W, 1) to class probabilities (D, H, W, C). The encoder and decoder are FedCRLD's; a 1 × 1 × 1
/// convolution from 16w to 32w channels stands where its relocalization does.
///
/// This is the description, without values.
package struct UNet: Sendable {
    /// Names, shapes and places of `encoder.…`, `bottleneck.…` and `decoder.…`.
    package let layout: ParameterLayout
    private let encoder: Encoder
    private let widening: PointwiseLayer
    private let decoder: Decoder

    /// The network of base width `width` (a multiple of 4).
    /// - Parameter heads: the classes (2 or more) of each last layer: of one, but where volumes of different classes share
    ///   the network.
    package init(width: Int, heads: [Int]) {
        precondition(width > 0 && width % 4 == 0, "the base width is a multiple of 4")
        precondition(!heads.isEmpty && heads.allSatisfy { $0 >= 2 }, "at least a background and a foreground class")
        var layout = ParameterLayout()
        encoder = Encoder("encoder", width: width, in: &layout)
        widening = PointwiseLayer("bottleneck", inputs: 16 * width, outputs: 32 * width, in: &layout)
        decoder = Decoder(width: width, heads: heads, in: &layout)
        self.layout = layout
    }

    /// Every 3 × 3 convolution, in forward order, for an image of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        encoder.convolutions(at: shape) + decoder.convolutions(at: shape)
    }

    /// What the backward pass needs.
    package struct Saved: Sendable {
        fileprivate var encoder: Encoder.Pass?
        fileprivate var decoder: Decoder.Saved?

        /// The encoder's last output (D, H/8, W/8, 16w).
        package let bottleneck: Tensor
    }

    /// Class probabilities of an image by a head, keeping what the backward pass needs.
    package func forward(
        _ image: Tensor, head: Int = 0, _ parameters: Parameters
    ) -> (probabilities: Tensor, saved: Saved) {
        let encoded = encoder.forward(image, parameters)
        let (probabilities, saved) = decoder.forward(
            widening.forward(FeatureMap(encoded.bottleneck), parameters), levels: encoded.levels, head: head, parameters
        )
        return (probabilities, Saved(encoder: encoded, decoder: saved, bottleneck: encoded.bottleneck))
    }

    /// The same probabilities, keeping nothing.
    package func infer(_ image: Tensor, head: Int = 0, _ parameters: Parameters) -> Tensor {
        let encoded = encoder.infer(image, parameters)
        return decoder.infer(
            widening.forward(FeatureMap(encoded.bottleneck), parameters), levels: encoded.levels, head: head, parameters
        )
    }

    /// Adds the network with a head to a graph.
    package func trace(
        _ image: InferenceGraph.Value, head: Int, _ parameters: Parameters, in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        let levels = encoder.trace(image, parameters, in: &graph)
        let bottleneck = widening.trace(levels[3], parameters, in: &graph)
        return decoder.trace(bottleneck, levels: levels, head: head, parameters, in: &graph)
    }

    /// The encoder's last output (D, H/8, W/8, 16w) for an image, keeping nothing.
    /// - Parameter parameters: of this layout, or its beginning with the whole encoder.
    package func bottleneck(_ image: Tensor, _ parameters: Parameters) -> Tensor {
        encoder.infer(image, parameters).bottleneck
    }

    /// The parameters' gradients, given the one by the scores before the softmax.
    /// - Parameter bottleneck: the gradient by the encoder's last output that a further loss has, if any.
    package func backward(
        _ scores: Tensor, _ saved: consuming Saved, _ parameters: Parameters, bottleneck: Tensor? = nil
    ) -> Parameters {
        let values = Parameters(undefined: layout)
        let gradients = Gradients(to: values)
        guard let encoded = saved.encoder.take(), let decoding = saved.decoder.take() else {
            preconditionFailure("a network goes backward once after each forward pass")
        }
        let decoded = decoder.backward(
            scores, consume decoding, levels: encoded.levels, parameters, into: gradients)
        let gradient = widening.backward(
            FeatureMap(saved.bottleneck), decoded.bottleneck, parameters, into: gradients, addingTo: bottleneck)
        encoder.backward(bottleneck: gradient, skips: decoded.skips, consume encoded, parameters, into: gradients)
        return values
    }
}
