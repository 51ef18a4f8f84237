import Tensors

/// Where the parameters of a network are in one flat array, and how they are called, shaped and initialized.
///
/// Layers register their parameters when they are built; the order of registration is the order in memory. The same
/// layout serves the network, its momentum bank, gradients and moments.
package struct ParameterLayout: Sendable {
    /// One named parameter.
    package struct Entry: Sendable {
        /// State-dict name, such as `global_encoder.level1.conv1.weight`.
        package let name: String
        /// Extents in PyTorch's order: convolutions (out, in, kD, kH, kW), transposed ones (in, out, kD, kH, kW).
        package let shape: [Int]
        /// Position of its first value in the flat array.
        package let offset: Int
        /// How its values are ordered in memory.
        package let order: MemoryOrder
        /// How it starts.
        package let initialization: Initialization

        /// Number of values.
        package var count: Int { shape.reduce(1, *) }
        /// Its place in the flat array.
        package var range: Range<Int> { offset..<offset + count }
    }

    /// The order of a parameter's axes in memory.
    package enum MemoryOrder: Sendable {
        /// As in PyTorch.
        case natural
        /// (kD, kH, kW, in, out) for PyTorch's (out, in, kD, kH, kW).
        case convolution
        /// (in, kD, kH, kW, out) for PyTorch's (in, out, kD, kH, kW).
        case transposedConvolution
    }

    /// The values that a parameter starts with.
    package enum Initialization: Sendable {
        /// Uniform in ±1/√fan-in: PyTorch's default for convolutions.
        case uniform(fanIn: Int)
        /// The same value everywhere.
        case constant(Float)
    }

    /// The parameters in the order of memory.
    package private(set) var entries: [Entry] = []
    /// Number of values of all parameters.
    package private(set) var count = 0

    /// A layout without parameters.
    package init() {}

    /// Appends a parameter.
    /// - Returns: the position of its first value.
    package mutating func register(
        _ name: String, _ shape: [Int], order: MemoryOrder = .natural, initialization: Initialization
    ) -> Int {
        let entry = Entry(name: name, shape: shape, offset: count, order: order, initialization: initialization)
        entries.append(entry)
        count += entry.count
        return entry.offset
    }
}

extension ParameterLayout.Entry {
    /// Calls `body(index in PyTorch's order, index in memory)` for every value, in PyTorch's order; both count from the
    /// parameter's start.
    @inline(__always)
    private func forEachValue(_ body: (_ pytorch: Int, _ memory: Int) -> Void) {
        switch order {
        case .natural:
            for index in 0..<count { body(index, index) }
        case .convolution:
            let (outputs, inputs) = (shape[0], shape[1])
            let taps = count / (outputs * inputs)
            for output in 0..<outputs {
                for input in 0..<inputs {
                    for tap in 0..<taps {
                        body((output * inputs + input) * taps + tap, (tap * inputs + input) * outputs + output)
                    }
                }
            }
        case .transposedConvolution:
            let (inputs, outputs) = (shape[0], shape[1])
            let taps = count / (outputs * inputs)
            for input in 0..<inputs {
                for output in 0..<outputs {
                    for tap in 0..<taps {
                        body((input * outputs + output) * taps + tap, (input * taps + tap) * outputs + output)
                    }
                }
            }
        }
    }

    /// The parameter's values in PyTorch's order, out of a flat array in memory order.
    package func pytorchValues(_ flat: Tensor) -> [Float] {
        var result = [Float](repeating: 0, count: count)
        forEachValue { result[$0] = flat.base[offset + $1] }
        return result
    }

    /// Writes values in PyTorch's order to the parameter's place in a flat array.
    package func setPytorchValues(_ values: [Float], in flat: Tensor) {
        precondition(values.count == count, "\(values.count) values for \(name) of shape \(shape)")
        forEachValue { flat.base[offset + $1] = values[$0] }
    }
}

extension ParameterLayout {
    /// A flat array of zeros for all parameters.
    package func zeros() -> Tensor { .zeros(Shape(depth: 1, height: 1, width: 1, channels: count)) }

    /// The starting values of a network. A parameter's numbers depend on `seed` and its name alone, so that every
    /// center starts from the same point, as is usual in federated learning.
    package func initialValues(seed: UInt64) -> Tensor {
        let flat = zeros()
        for entry in entries {
            switch entry.initialization {
            case .constant(let value): (flat.base + entry.offset).update(repeating: value, count: entry.count)
            case .uniform(let fanIn):
                let bound = 1 / Double(fanIn).squareRoot()
                var random = RandomStream(seed: seed, purpose: "initialization/\(entry.name)")
                entry.setPytorchValues(
                    (0..<entry.count).map { _ in Float(random.uniform(in: -bound...bound)) }, in: flat)
            }
        }
        return flat
    }
}
