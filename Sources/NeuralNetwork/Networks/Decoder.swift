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

    /// What the backward pass needs: each stage's input and its block's state, and the head's input. Concatenations
    /// are made again, but for the first stage's: of all it takes most time to make, and least memory.
    package struct Saved: Sendable {
        fileprivate var inputs: [Tensor]
        fileprivate var joined: Tensor?
        fileprivate var blocks: [ConvolutionBlock.Saved]
        fileprivate let last: Tensor
        fileprivate let head: Int
    }

    /// Class probabilities (D, H, W, classes) of a head, from features (D, H/8, W/8, 32w) and the encoder's levels.
    package func forward(
        _ bottleneck: Tensor, levels: [Tensor], head: Int = 0, _ parameters: Parameters
    ) -> (probabilities: Tensor, saved: Saved) {
        var features = bottleneck
        var inputs: [Tensor] = []
        var saved: [ConvolutionBlock.Saved] = []
        var first: Tensor?
        for stage in 0..<3 {
            inputs.append(features)
            let joined = ups[stage].forward(features, skip: levels[2 - stage], parameters)
            first = first ?? joined
            let (output, state) = blocks[stage].forward(joined, parameters)
            features = output
            saved.append(state)
        }
        let scores = heads[head].forward(features, parameters)
        SegmentationLoss.softmax(scores)
        return (scores, Saved(inputs: inputs, joined: first, blocks: saved, last: features, head: head))
    }

    /// The same probabilities, keeping nothing.
    package func infer(_ bottleneck: Tensor, levels: [Tensor], head: Int = 0, _ parameters: Parameters) -> Tensor {
        var features = bottleneck
        for stage in 0..<3 {
            features = blocks[stage].infer(
                ups[stage].forward(features, skip: levels[2 - stage], parameters), parameters)
        }
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
        _ scores: Tensor, _ saved: consuming Saved, levels: [Tensor], _ parameters: Parameters,
        into gradients: Gradients
    ) -> (bottleneck: Tensor, skips: [Tensor]) {
        for (index, head) in heads.enumerated() where index != saved.head {
            gradients.write(head.range) { $0.update(repeating: 0, count: head.range.count) }
        }
        var gradient = heads[saved.head].backward(saved.last, scores, parameters, into: gradients)
        var skips: [Tensor] = []
        while let input = saved.inputs.popLast(), let state = saved.blocks.popLast() {
            let stage = saved.inputs.count
            let kept = stage == 0 ? saved.joined.take() : nil
            let joined = { kept ?? ups[stage].forward(input, skip: levels[2 - stage], parameters) }
            guard let change = blocks[stage].backward(gradient, input: joined, state, parameters, into: gradients)
            else { preconditionFailure("a block returns its input's gradient when asked") }
            let (low, skip) = ups[stage].backward(input, consume change, parameters, into: gradients)
            gradient = low
            skips.append(skip)
        }
        return (gradient, skips)
    }
}
