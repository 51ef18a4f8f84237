import Tensors

/// A U-Net's encoder: four blocks of 2w, 4w, 8w and 16w channels with (1, 2, 2) maximum pooling between them (`method.md`,
/// "Client network").
package struct Encoder: Sendable {
    private let levels: [ConvolutionBlock]

    /// Registers `name.level1 … name.level4` for base width `width`.
    package init(_ name: String, width: Int, in layout: inout ParameterLayout) {
        levels = (1...4).map { level in
            let inputs = level == 1 ? 1 : width << (level - 1)
            return ConvolutionBlock(
                "\(name).level\(level)", inputs: inputs, middle: level == 1 ? width : inputs, outputs: width << level,
                in: &layout)
        }
    }

    /// Every convolution, for an image of the extent of `shape`.
    package func convolutions(at shape: Shape) -> [PlacedConvolution] {
        zip(levels, Self.extents(shape)).flatMap { $0.convolutions(at: $1) }
    }

    /// The extents of the four levels.
    package static func extents(_ image: Shape) -> [Shape] {
        (1...3).reduce(into: [image]) { extents, _ in extents.append(MaximumPooling.shape(extents[extents.count - 1])) }
    }

    /// The smallest height and width of an image: three poolings leave one position.
    package static let smallestSide = 8

    /// The outputs of the levels and what their backward passes need.
    package struct Pass: Sendable {
        /// Outputs of the four levels; the last is the bottleneck (D, H/8, W/8, 16w).
        package let levels: [Tensor]
        fileprivate let image: Tensor
        fileprivate var saved: [ConvolutionBlock.Saved]

        /// The last level's output.
        package var bottleneck: Tensor { levels[3] }
    }

    /// Encodes an image (D, H, W, 1), keeping what the backward pass needs.
    package func forward(_ image: Tensor, _ parameters: Parameters) -> Pass {
        var outputs: [Tensor] = []
        var saved: [ConvolutionBlock.Saved] = []
        for level in levels {
            let input = outputs.last.map(MaximumPooling.forward) ?? image
            let (output, state) = level.forward(input, parameters)
            outputs.append(output)
            saved.append(state)
        }
        return Pass(levels: outputs, image: image, saved: saved)
    }

    /// The outputs of the four levels, keeping nothing else.
    package func infer(_ image: Tensor, _ parameters: Parameters) -> [Tensor] {
        var outputs: [Tensor] = []
        for level in levels {
            outputs.append(level.infer(outputs.last.map(MaximumPooling.forward) ?? image, parameters))
        }
        return outputs
    }

    /// Adds the encoder to a graph.
    /// - Returns: the outputs of the four levels.
    package func trace(_ image: InferenceGraph.Value, _ parameters: Parameters, in graph: inout InferenceGraph)
        -> [InferenceGraph.Value]
    {
        var outputs: [InferenceGraph.Value] = []
        for level in levels {
            let input = outputs.last.map { graph.add(.maximumPooling, [$0]) } ?? image
            outputs.append(level.trace(input, parameters, in: &graph))
        }
        return outputs
    }

    /// Writes the parameters' gradients. What was kept for a level is given up as soon as its gradients are known.
    /// - Parameters:
    ///   - bottleneck: gradient by the bottleneck.
    ///   - skips: gradients by the first three levels' outputs, where a decoder used them; their memory is used up.
    package func backward(
        bottleneck: Tensor, skips: [Tensor]? = nil, _ pass: consuming Pass, _ parameters: Parameters,
        into gradients: Gradients
    ) {
        var gradient = bottleneck
        while let saved = pass.saved.popLast() {
            let level = pass.saved.count
            let below = level > 0 ? pass.levels[level - 1] : nil
            let pooled = levels[level].backward(
                gradient, input: { below.map(MaximumPooling.forward) ?? pass.image }, saved, parameters,
                into: gradients, needsInput: level > 0)
            guard let pooled, let below else { return }
            gradient = skips?[level - 1] ?? .zeros(below.shape)
            MaximumPooling.backward(pooled, input: below, addingTo: gradient)
        }
    }
}
