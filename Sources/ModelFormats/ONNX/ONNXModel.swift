import Foundation
import NeuralNetwork
internal import SwiftProtobuf

/// A network in ONNX (https://onnx.ai): image (batch, 1, depth, height, width) to probabilities (batch, classes, depth,
/// height, width), all but the channels free.
///
/// Standard operators of version 17, which ONNX Runtime runs from 1.12 on. Group normalization, which comes later, is a
/// reshaping and an instance normalization.
package struct ONNXModel {
    /// The version of the standard operators.
    package static let operatorSet = 17
    /// The largest message that readers of protocol buffers take: 2 GiB.
    package static let largestSize = Int(Int32.max)

    private var model = ONNXModelProto()
    private var constants: [String: String] = [:]

    /// The model of a graph.
    /// - Parameters:
    ///   - graph: its parameters become initializers of their state-dict names.
    ///   - classes: that it tells apart.
    ///   - name: what the model is called.
    ///   - description: a sentence for who opens it.
    ///   - producer: name and version of the program.
    ///   - metadata: keys and values, in the order of keys.
    package init(
        _ graph: InferenceGraph, classes: Int, name: String, description: String,
        producer: (name: String, version: String),
        metadata: [String: String]
    ) {
        model.irVersion = 8
        model.opsetImport = [.with { $0.version = Int64(Self.operatorSet) }]
        model.producerName = producer.name
        model.producerVersion = producer.version
        model.docString = description
        model.metadataProps = metadata.sorted { $0.key < $1.key }.map { item in
            .with { ($0.key, $0.value) = (item.key, item.value) }
        }
        model.graph.name = name
        model.graph.initializer = graph.parameters.map { parameter in
            .with {
                $0.name = parameter.name
                $0.dims = parameter.shape.map(Int64.init)
                $0.dataType = Int32(ONNXTensorProto.DataType.float.rawValue)
                $0.rawData = parameter.values.littleEndianBytes
            }
        }
        var names = [graph.image: "image"]
        for node in graph.nodes {
            let output = node.output == graph.output ? "probabilities" : "value\(node.output.number)"
            names[node.output] = output
            let inputs = node.inputs.map { input -> String in
                guard let name = names[input] else { preconditionFailure("a node's inputs are made before it") }
                return name
            }
            add(node, graph.parameters, inputs, output)
        }
        model.graph.input = [Self.value("image", channels: 1)]
        model.graph.output = [Self.value("probabilities", channels: classes)]
    }

    /// The file's bytes; nil where they are more than readers take.
    package func serialized() throws -> Data? {
        let parameters = model.graph.initializer.reduce(0) { $0 + $1.rawData.count }
        guard parameters < Self.largestSize - 1 << 20 else { return nil }
        return try model.serializedData()
    }

    private static func value(_ name: String, channels: Int) -> ONNXValueInfoProto {
        func named(_ name: String) -> ONNXTensorShapeProto.Dimension { .with { $0.dimParam = name } }
        return .with {
            $0.name = name
            $0.type.tensorType.elemType = Int32(ONNXTensorProto.DataType.float.rawValue)
            $0.type.tensorType.shape.dim = [
                named("batch"), .with { $0.dimValue = Int64(channels) }, named("depth"), named("height"),
                named("width"),
            ]
        }
    }
}

// MARK: - Operators

extension ONNXModel {
    /// Adds what an operator of the graph is in ONNX.
    private mutating func add(
        _ node: InferenceGraph.Node, _ parameters: [InferenceGraph.Parameter], _ inputs: [String], _ output: String
    ) {
        let own = node.parameters.map { parameters[$0] }
        let weights: [String] = own.map(\.name)
        /// A value on the way, which is named after the output.
        func part(_ name: String) -> String { "\(output).\(name)" }
        switch node.operation {
        case .convolution(let kernel):
            let padding = kernel.map { $0 / 2 }
            add(
                "Conv", inputs + weights, output,
                [
                    .integers("kernel_shape", kernel), .integers("strides", [1, 1, 1]),
                    .integers("pads", padding + padding),
                ])
        case .upsampling:
            add(
                "ConvTranspose", inputs + weights, output,
                [.integers("kernel_shape", [1, 2, 2]), .integers("strides", [1, 2, 2])])
        case .groupNormalization(let groups, let epsilon):
            let channels = own[0].shape[0]
            let flat = add("Reshape", [inputs[0], integers([0, groups, -1])], part("groups"))
            let ones = floats([Float](repeating: 1, count: groups), shape: [groups])
            let zeros = floats([Float](repeating: 0, count: groups), shape: [groups])
            let normalized = add(
                "InstanceNormalization", [flat, ones, zeros], part("normalized"), [.number("epsilon", epsilon)])
            let shape = add("Shape", [inputs[0]], part("shape"))
            let whole = add("Reshape", [normalized, shape], part("whole"))
            let places = integers([1, channels, 1, 1, 1])
            let scale = add("Reshape", [weights[0], places], part("scale"))
            let offset = add("Reshape", [weights[1], places], part("offset"))
            add("Add", [add("Mul", [whole, scale], part("scaled")), offset], output)
        case .leakyRectifier(let slope):
            add("LeakyRelu", inputs, output, [.number("alpha", slope)])
        case .maximumPooling:
            add(
                "MaxPool", inputs, output,
                [.integers("kernel_shape", [1, 2, 2]), .integers("strides", [1, 2, 2])])
        case .fitting:
            let extents = inputs.enumerated().map { index, input in
                add(
                    "Slice", [add("Shape", [input], part("shape\(index)")), integers([2]), integers([5])],
                    part("extent\(index)"))
            }
            let missing = add("Sub", [extents[1], extents[0]], part("missing"))
            // Before each axis nothing; after batch and channels nothing; after the others what is missing.
            let pads = add(
                "Concat", [integers([Int](repeating: 0, count: 7)), missing], part("pads"), [.integer("axis", 0)])
            add("Pad", [inputs[0], pads], output)
        case .concatenation:
            add("Concat", inputs, output, [.integer("axis", 1)])
        case .addition:
            add("Add", inputs, output)
        case .attention(let scale):
            let flat = inputs.enumerated().map { index, input in
                add("Reshape", [input, integers([0, 0, -1])], part("flat\(index)"))
            }
            let queries = add("Transpose", [flat[0]], part("queries"), [.integers("perm", [0, 2, 1])])
            var scores = add("MatMul", [queries, flat[1]], part("scores"))
            if scale != 1 { scores = add("Mul", [scores, floats([scale], shape: [])], part("scaled")) }
            let shares = add("Softmax", [scores], part("shares"), [.integer("axis", -1)])
            let turned = add("Transpose", [shares], part("turned"), [.integers("perm", [0, 2, 1])])
            let attended = add("MatMul", [flat[2], turned], part("attended"))
            add("Reshape", [attended, add("Shape", [inputs[0]], part("shape"))], output)
        case .softmax:
            add("Softmax", inputs, output, [.integer("axis", 1)])
        case .mirroring(let rows, let columns):
            let axes: [Int] = (rows ? [3] : []) + (columns ? [4] : [])
            let backwards = integers([Int](repeating: -1, count: axes.count))
            let beyond = integers([Int](repeating: Int(Int32.min), count: axes.count))
            // From the last to the first, one back at a time.
            add("Slice", [inputs[0], backwards, beyond, integers(axes), backwards], output)
        case .mean:
            add("Mean", inputs, output)
        }
    }

    private enum Attribute {
        case integer(String, Int)
        case integers(String, [Int])
        case number(String, Float)

        var message: ONNXAttributeProto {
            .with {
                switch self {
                case .integer(let name, let value): ($0.name, $0.type, $0.i) = (name, .int, Int64(value))
                case .integers(let name, let values):
                    ($0.name, $0.type, $0.ints) = (name, .ints, values.map(Int64.init))
                case .number(let name, let value): ($0.name, $0.type, $0.f) = (name, .float, value)
                }
            }
        }
    }

    /// Adds a standard operator.
    /// - Returns: the name of what it makes.
    @discardableResult
    private mutating func add(
        _ type: String, _ inputs: [String], _ output: String, _ attributes: [Attribute] = []
    ) -> String {
        model.graph.node.append(
            .with {
                $0.name = "\(output)/\(type)"
                ($0.opType, $0.input, $0.output) = (type, inputs, [output])
                $0.attribute = attributes.map(\.message)
            })
        return output
    }

    /// The name of a constant vector of integers.
    private mutating func integers(_ values: [Int]) -> String {
        constant("integers", values.map(String.init), [values.count], .int64, values.map(Int64.init).littleEndianBytes)
    }

    /// The name of a constant of float32.
    private mutating func floats(_ values: [Float], shape: [Int]) -> String {
        constant("floats", values.map { "\($0)" }, shape, .float, values.littleEndianBytes)
    }

    private mutating func constant(
        _ kind: String, _ values: [String], _ shape: [Int], _ type: ONNXTensorProto.DataType, _ bytes: Data
    ) -> String {
        let key = "\(kind)[\(values.joined(separator: ","))]\(shape)"
        if let known = constants[key] { return known }
        let name = "constant\(constants.count)"
        constants[key] = name
        model.graph.initializer.append(
            .with {
                ($0.name, $0.dims, $0.dataType, $0.rawData) = (
                    name, shape.map(Int64.init), Int32(type.rawValue), bytes
                )
            })
        return name
    }
}
