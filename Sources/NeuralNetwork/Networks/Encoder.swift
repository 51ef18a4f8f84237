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

    /// The outputs of the levels.
    package struct Output: Sendable {
        /// Outputs of the first three levels, for a decoder.
        package let levels: [FeatureMap]
        /// The last level's output (D, H/8, W/8, 16w).
        package let bottleneck: Tensor
    }

    /// What an image gave, and what the backward pass needs.
    package struct Pass: Sendable {
        /// Outputs of the first three levels, for a decoder; none where there is none.
        package let levels: [FeatureMap]
        /// The last level's output (D, H/8, W/8, 16w).
        package let bottleneck: Tensor
        fileprivate let image: FeatureMap
        fileprivate var kept: [Level?]
    }

    fileprivate typealias Level = (output: FeatureMap, saved: ConvolutionBlock.Saved)

    /// Encodes an image (D, H, W, 1), keeping what the backward pass needs.
    /// - Parameter forDecoder: whether a decoder uses the levels. Else the first level is computed again in the backward pass,
    ///   which takes little time but saves most memory of all.
    package func forward(_ image: Tensor, _ parameters: Parameters, forDecoder: Bool = true) -> Pass {
        var kept: [Level?] = []
        let output = encode(image) { level, input in
            let result = level.forward(input, parameters)
            kept.append(forDecoder || !kept.isEmpty ? result : nil)
            return result.output
        }
        return Pass(
            levels: forDecoder ? output.levels : [], bottleneck: output.bottleneck, image: FeatureMap(image), kept: kept
        )
    }

    /// The outputs of the levels, keeping nothing else.
    package func infer(_ image: Tensor, _ parameters: Parameters) -> Output {
        encode(image) { $0.infer($1, parameters) }
    }

    private func encode(_ image: Tensor, by body: (ConvolutionBlock, FeatureMap) -> FeatureMap) -> Output {
        var outputs: [FeatureMap] = []
        for level in levels {
            outputs.append(body(level, FeatureMap(outputs.last.map(MaximumPooling.forward) ?? image)))
        }
        return Output(levels: Array(outputs.dropLast()), bottleneck: outputs[outputs.count - 1].written())
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
        bottleneck: consuming Tensor, skips: consuming [Tensor]? = nil, _ pass: consuming Pass,
        _ parameters: Parameters, into gradients: Gradients
    ) {
        var gradient = bottleneck
        let image = pass.image
        var kept = (consume pass).kept
        guard var saved = kept.removeLast()?.saved else { preconditionFailure("the last level is kept") }
        for level in levels.indices.reversed() {
            let below = kept.popLast().map { $0 ?? levels[level - 1].forward(image, parameters) }
            let pooled = levels[level].backward(
                consume gradient, input: { below.map { FeatureMap(MaximumPooling.forward($0.output)) } ?? image },
                &saved, parameters, into: gradients, room: level > 0 ? { FeatureMap(Tensor($0)) } : nil)
            guard let pooled, let below else { return }
            gradient = skips?.popLast() ?? .zeros(below.output.shape)
            MaximumPooling.backward(pooled.tensors[0], input: below.output, addingTo: gradient)
            saved = below.saved
        }
    }
}
