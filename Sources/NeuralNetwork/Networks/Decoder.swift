import Tensors

/// A U-Net's decoder: three stages that double height and width, concatenate the encoder's skip and apply a block; then a
/// 1 × 1 × 1 convolution to the classes and a softmax (`method.md`, "Client network").
package struct Decoder: Sendable {
    private let ups: [UpsamplingLayer]
    private let blocks: [ConvolutionBlock]
    private let heads: [PointwiseLayer]

    /// Registers `decoder.stage1 … decoder.stage3` and `decoder.head`; of several heads `decoder.heads.0 …`.
    /// - Parameter heads: the classes of each last convolution.
    package init(width: Int, heads: [Int], in layout: inout ParameterLayout) {
        var ups: [UpsamplingLayer] = []
        var blocks: [ConvolutionBlock] = []
        for stage in 1...3 {
            // The skip has as many channels as the stage's output, the upsampled features twice as many.
            let channels = width << (4 - stage)
            let inputs = stage == 1 ? 32 * width : 2 * channels
            ups.append(
                UpsamplingLayer("decoder.stage\(stage).up", inputs: inputs, outputs: 2 * channels, in: &layout))
            blocks.append(
                ConvolutionBlock(
                    "decoder.stage\(stage).block", inputs: 3 * channels, middle: channels, outputs: channels,
                    in: &layout))
        }
        self.ups = ups
        self.blocks = blocks
        self.heads = heads.enumerated().map { index, classes in
            let name = heads.count == 1 ? "decoder.head" : "decoder.heads.\(index)"
            return PointwiseLayer(name, inputs: 2 * width, outputs: classes, in: &layout)
        }
    }

    /// Every 3 × 3 convolution, for an image of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        zip(blocks, Encoder.extents(shape).dropLast().reversed()).flatMap { $0.convolutions(at: $1) }
    }

    /// What the backward pass needs: each stage's input and its block's state, and the head's input. Upsampled features are
    /// made again, but for the first stage's: of all they take most time to make, and least memory.
    package struct Saved: Sendable {
        fileprivate var inputs: [FeatureMap]
        fileprivate var upsampled: FeatureMap?
        fileprivate var blocks: [ConvolutionBlock.Saved]
        fileprivate var last: FeatureMap?
        fileprivate let head: Int
    }

    /// Class probabilities (D, H, W, classes) of a head, from features (D, H/8, W/8, 32w) and the encoder's first three
    /// levels.
    package func forward(
        _ bottleneck: Tensor, levels: [FeatureMap], head: Int = 0, _ parameters: Parameters
    ) -> (probabilities: Tensor, saved: Saved) {
        var features = FeatureMap(bottleneck)
        var saved = Saved(inputs: [], blocks: [], head: head)
        for stage in 0..<3 {
            saved.inputs.append(features)
            let skip = levels[2 - stage]
            let upsampled = ups[stage].forward(features, skip: skip, parameters)
            if stage == 0 { saved.upsampled = upsampled }
            let (output, state) = blocks[stage].forward(skip.beside(consume upsampled), parameters)
            features = output
            saved.blocks.append(state)
        }
        saved.last = features
        return (probabilities(features, head, parameters), saved)
    }

    /// The same probabilities, keeping nothing.
    package func infer(_ bottleneck: Tensor, levels: [FeatureMap], head: Int = 0, _ parameters: Parameters) -> Tensor {
        var features = FeatureMap(bottleneck)
        for stage in 0..<3 {
            let skip = levels[2 - stage]
            let upsampled = ups[stage].forward(consume features, skip: skip, parameters)
            features = blocks[stage].infer(skip.beside(consume upsampled), parameters)
        }
        return probabilities(features, head, parameters)
    }

    private func probabilities(_ features: FeatureMap, _ head: Int, _ parameters: Parameters) -> Tensor {
        let scores = heads[head].forward(features, parameters)
        SegmentationLoss.softmax(scores)
        return scores
    }

    /// Adds the decoder with a head to a graph.
    package func trace(
        _ bottleneck: InferenceGraph.Value, levels: [InferenceGraph.Value], head: Int = 0, _ parameters: Parameters,
        in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        var features = bottleneck
        for stage in 0..<3 {
            let joined = ups[stage].trace(features, skip: levels[2 - stage], parameters, in: &graph)
            features = blocks[stage].trace(joined, parameters, in: &graph)
        }
        return graph.add(.softmax, [heads[head].trace(features, parameters, in: &graph)])
    }

    /// Writes the parameters' gradients, given the one by the scores before the softmax; zeros for the other heads. What was
    /// kept for a stage is given up as soon as its gradients are known.
    /// - Returns: the gradients by the features and by the encoder's first three levels.
    package func backward(
        _ scores: consuming Tensor, _ saved: consuming Saved, levels: [FeatureMap], _ parameters: Parameters,
        into gradients: Gradients
    ) -> (bottleneck: Tensor, skips: [Tensor]) {
        for (index, head) in heads.enumerated() where index != saved.head {
            gradients.write(head.range) { $0.update(repeating: 0, count: head.range.count) }
        }
        guard let last = saved.last.take() else { preconditionFailure("a decoder goes backward once") }
        var gradient = heads[saved.head].backward(consume last, consume scores, parameters, into: gradients)
        var skips: [Tensor] = []
        for stage in blocks.indices.reversed() {
            guard let input = saved.inputs.popLast() else { preconditionFailure("each stage has its input") }
            let (up, skip) = (ups[stage], levels[2 - stage])
            let kept = stage == 0 ? saved.upsampled.take() : nil
            guard
                let change = blocks[stage].backward(
                    consume gradient, input: { skip.beside(kept ?? up.forward(input, skip: skip, parameters)) },
                    &saved.blocks[stage], parameters, into: gradients,
                    room: { _ in FeatureMap(Tensor(skip.shape)).beside(up.room(input: input.shape, skip: skip.shape)) })
            else { preconditionFailure("a block returns its input's gradient when asked") }
            skips.append(change.tensors[0])
            gradient = up.backward(input, change.tensors[1], parameters, into: gradients)
        }
        return (gradient, skips)
    }
}
