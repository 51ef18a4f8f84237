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
        /// The kind of layer that it is of.
        package let layer: Layer

        /// Number of values.
        package var count: Int { shape.reduce(1, *) }
        /// Its place in the flat array.
        package var range: Range<Int> { offset..<offset + count }
    }

    /// Where a parameter's values are among all of a layout's.
    package struct Place: Sendable, Equatable {
        /// The position of its first value.
        package let offset: Int
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

    /// Kinds of layers, as far as methods treat them differently.
    package enum Layer: Sendable, Hashable {
        /// Convolutions of every kind, transposed and pointwise ones included.
        case convolution
        /// Scale and offset of a normalization.
        case normalization
        /// A number that is no layer's, such as a mixture's weight.
        case scalar
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

    /// The parameters that lie before a place.
    package func prefix(upTo end: Int) -> ParameterLayout {
        var layout = ParameterLayout()
        layout.entries = entries.filter { $0.range.upperBound <= end }
        layout.count = layout.entries.last?.range.upperBound ?? 0
        return layout
    }

    /// The parameters from the first one to the last below a module, which are the layout's first.
    package func prefix(of module: String) -> ParameterLayout {
        prefix(upTo: entries.last { $0.name.hasPrefix(module + ".") }?.range.upperBound ?? 0)
    }

    /// Appends a parameter.
    /// - Returns: where its values are.
    package mutating func register(
        _ name: String, _ shape: [Int], order: MemoryOrder = .natural, initialization: Initialization,
        layer: Layer = .convolution
    ) -> Place {
        let entry = Entry(
            name: name, shape: shape, offset: count, order: order, initialization: initialization, layer: layer)
        entries.append(entry)
        count += entry.count
        return Place(offset: entry.offset)
    }
}

extension ParameterLayout.Entry {
    /// Calls `body` for runs of values that are neighbours in memory, of at most some cache lines: the place in PyTorch's order of
    /// the first and the distance of the next, the place in memory, and how many. Both places count from the parameter's start.
    ///
    /// Whole lines are read or written so, whichever way the values go, and the next one is near.
    @inline(__always)
    private func forEachRun(_ body: (_ pytorch: Int, _ step: Int, _ memory: Int, _ count: Int) -> Void) {
        /// Of `rows` matrices, each (taps, outputs) in memory and (outputs, taps) in PyTorch's order.
        func runs(
            rows: Int, taps: Int, outputs: Int, row: (pytorch: Int, memory: Int), tap: Int, step: Int
        ) {
            for first in stride(from: 0, to: outputs, by: Self.run) {
                let count = min(Self.run, outputs &- first)
                for index in 0..<rows {
                    let start = index &* row.pytorch &+ first &* step
                    let source = index &* row.memory &+ first
                    for place in 0..<taps { body(start &+ place, step, source &+ place &* tap, count) }
                }
            }
        }
        switch order {
        case .natural:
            body(0, 1, 0, count)
        case .convolution:
            let (outputs, inputs) = (shape[0], shape[1])
            let taps = count / (outputs * inputs)
            runs(
                rows: inputs, taps: taps, outputs: outputs, row: (taps, outputs), tap: inputs * outputs,
                step: inputs * taps)
        case .transposedConvolution:
            let (inputs, outputs) = (shape[0], shape[1])
            let taps = count / (outputs * inputs)
            runs(
                rows: inputs, taps: taps, outputs: outputs, row: (outputs * taps, taps * outputs), tap: outputs,
                step: taps)
        }
    }

    /// Floats of four cache lines.
    private static let run = 64

    /// The parameter's values in PyTorch's order.
    package func pytorchValues(_ parameters: Parameters) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { result, filled in
            copyPytorchValues(parameters, to: result)
            filled = count
        }
    }

    /// Writes the parameter's values in PyTorch's order.
    package func copyPytorchValues(_ parameters: Parameters, to result: UnsafeMutableBufferPointer<Float>) {
        precondition(result.count >= count, "room for \(count) values")
        guard let target = result.baseAddress, let memory = parameters[range].baseAddress else { return }
        forEachRun { pytorch, step, place, count in
            for index in 0..<count { target[pytorch &+ index &* step] = memory[place &+ index] }
        }
    }

    /// Sets the parameter's values, given in PyTorch's order.
    package func setPytorchValues(_ values: [Float], in parameters: Parameters) {
        values.withUnsafeBufferPointer { setPytorchValues($0, in: parameters) }
    }

    /// The same.
    package func setPytorchValues(_ values: UnsafeBufferPointer<Float>, in parameters: Parameters) {
        precondition(values.count == count, "\(values.count) values for \(name) of shape \(shape)")
        guard let source = values.baseAddress, let memory = parameters[range].baseAddress else { return }
        forEachRun { pytorch, step, place, count in
            for index in 0..<count { memory[place &+ index] = source[pytorch &+ index &* step] }
        }
    }
}

extension ParameterLayout {
    /// Zeros for all parameters.
    package func zeros() -> Parameters { Parameters(zeros: self) }

    /// The starting values of a network. A parameter's numbers depend on `seed` and its name alone, so that every
    /// center starts from the same point, as is usual in federated learning.
    package func initialValues(seed: UInt64) -> Parameters {
        let parameters = zeros()
        for entry in entries {
            switch entry.initialization {
            case .constant(let value): parameters[entry.range].update(repeating: value)
            case .uniform(let fanIn):
                let bound = 1 / Double(fanIn).squareRoot()
                var random = RandomStream(seed: seed, purpose: "initialization/\(entry.name)")
                entry.setPytorchValues(
                    (0..<entry.count).map { _ in Float(random.uniform(in: -bound...bound)) }, in: parameters)
            }
        }
        return parameters
    }
}
