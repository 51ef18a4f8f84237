import Tensors

/// What a network computes from an image to class probabilities, as operators that other programs know, with its parameters'
/// values. Layers add themselves to it (``NeuralNetwork``'s `trace`); who writes a file format reads it.
///
/// Values are feature maps in PyTorch's order, (N, C, D, H, W), whose depth, height and width are free.
package struct InferenceGraph: Sendable {
    /// A feature map: the image or what a node computes.
    package struct Value: Hashable, Sendable {
        /// 0 for the image, then the nodes in their order from 1.
        package let number: Int
    }

    /// An operator.
    package enum Operation: Sendable {
        /// Convolution of stride 1 with zeros around, so that the extent stays; parameters weight and bias.
        case convolution(kernel: [Int])
        /// Transposed convolution (1, 2, 2) of stride (1, 2, 2); parameters weight and bias.
        case upsampling
        /// Group normalization; parameters weight and bias.
        case groupNormalization(groups: Int, epsilon: Float)
        /// max(x, slope · x).
        case leakyRectifier(slope: Float)
        /// Maximum of (1, 2, 2), of stride (1, 2, 2); a row or column that is left over is dropped.
        case maximumPooling
        /// The first input with zeros after its end, so that it has the second's depth, height and width.
        case fitting
        /// The first input's channels, then the second's.
        case concatenation
        /// The sum of two.
        case addition
        /// softmax(q kᵀ · scale) v over all positions, of inputs q, k and v.
        case attention(scale: Float)
        /// softmax over the channels.
        case softmax
        /// Rows or columns, or both, in the opposite order.
        case mirroring(rows: Bool, columns: Bool)
        /// The mean of two or more.
        case mean
    }

    /// An operator in its place.
    package struct Node: Sendable {
        /// What it does.
        package let operation: Operation
        /// Of which values.
        package let inputs: [Value]
        /// Positions of its parameters in ``InferenceGraph/parameters``.
        package let parameters: [Int]
        /// What it makes.
        package let output: Value
    }

    /// A named parameter.
    package struct Parameter: Sendable {
        /// State-dict name.
        package let name: String
        /// Extents in PyTorch's order.
        package let shape: [Int]
        /// Values in that order.
        package let values: [Float]
    }

    /// The image, (N, 1, D, H, W).
    package let image = Value(number: 0)
    /// In the order of computing.
    package private(set) var nodes: [Node] = []
    /// Each once, however often it is used.
    package private(set) var parameters: [Parameter] = []
    /// The probabilities, (N, classes, D, H, W).
    package private(set) var output = Value(number: 0)
    /// What the names of parameters that are added next begin with, where two networks of the same names are traced.
    package var prefix = ""
    private var places: [String: Int] = [:]

    /// A graph of what `trace` adds from the image to the probabilities.
    package init(_ trace: (Value, inout InferenceGraph) throws -> Value) rethrows {
        output = try trace(image, &self)
    }

    /// Adds an operator.
    /// - Parameter places: of its parameters in `values`.
    package mutating func add(
        _ operation: Operation, _ inputs: [Value], _ places: [ParameterLayout.Place] = [],
        of values: Parameters? = nil
    ) -> Value {
        let parameters = values.map { values in places.map { parameter($0, of: values) } } ?? []
        let output = Value(number: nodes.count + 1)
        nodes.append(Node(operation: operation, inputs: inputs, parameters: parameters, output: output))
        return output
    }

    private mutating func parameter(_ place: ParameterLayout.Place, of values: Parameters) -> Int {
        guard let entry = values.layout.entries.first(where: { $0.offset == place.offset }) else {
            preconditionFailure("a layer's parameters are in its network's layout")
        }
        let name = prefix + entry.name
        if let known = places[name] { return known }
        parameters.append(Parameter(name: name, shape: entry.shape, values: entry.pytorchValues(values)))
        places[name] = parameters.count - 1
        return parameters.count - 1
    }
}
