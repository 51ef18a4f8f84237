import NeuralNetwork
import Tensors

/// Deterministic numbers and comparisons.
enum Numbers {
    /// Values in [−1, 1) that are a function of name and index.
    static func values(_ name: String, _ count: Int) -> [Float] {
        let key = RandomStream.hash(name)
        return (0..<count).map { Float(RandomStream.mix(key &+ UInt64($0)) >> 40) / Float(1 << 23) - 1 }
    }

    static func tensor(_ name: String, _ shape: Shape) -> Tensor { Tensor(shape, values: values(name, shape.count)) }

    /// Parameters without meaning, such as what is to be overwritten.
    static func parameters(_ name: String, _ layout: ParameterLayout) -> Parameters {
        let parameters = layout.zeros()
        _ = parameters.values.update(from: values(name, layout.count))
        return parameters
    }

    static func doubles(_ parameters: Parameters) -> [Double] { parameters.values.map(Double.init) }

    static func doubles(_ tensor: Tensor) -> [Double] { tensor.values.map(Double.init) }

    /// Parameters that are nowhere special: initial values, each moved a little.
    static func parameters(_ layout: ParameterLayout) -> Parameters {
        let flat = layout.initialValues(seed: 3)
        for (index, value) in values("moved", layout.count).enumerated() { flat.values[index] += 0.1 * value }
        return flat
    }

    /// ‖actual − expected‖ / ‖expected‖.
    static func relativeError(_ actual: some Sequence<Float>, _ expected: some Sequence<Double>) -> Double {
        var difference = 0.0
        var norm = 0.0
        for (a, e) in zip(actual, expected) {
            difference += (Double(a) - e) * (Double(a) - e)
            norm += e * e
        }
        return (difference / max(norm, 1e-300)).squareRoot()
    }

    /// Central differences of `function` by each of `values`.
    static func differences(_ values: [Double], of function: ([Double]) -> Double) -> [Double] {
        let step = 1e-6
        var moved = values
        return values.indices.map { index in
            moved[index] = values[index] + step
            let above = function(moved)
            moved[index] = values[index] - step
            let below = function(moved)
            moved[index] = values[index]
            return (above - below) / (2 * step)
        }
    }

    /// Σ probe · values.
    static func product(_ probe: [Float], _ values: [Double]) -> Double {
        zip(probe, values).reduce(0) { $0 + Double($1.0) * $1.1 }
    }
}

extension ParameterLayout {
    /// A parameter by its name.
    subscript(name: String) -> Entry {
        guard let entry = entries.first(where: { $0.name == name }) else { preconditionFailure("no \(name)") }
        return entry
    }
}
