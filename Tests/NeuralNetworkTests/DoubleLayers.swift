import Foundation
import NeuralNetwork
import Tensors

/// Layers by plain loops in float64, with parameters in PyTorch's order, taken by name: what the kernels must agree with.
struct DoubleLayers {
    let layout: ParameterLayout
    /// A flat array in memory order.
    let parameters: [Double]
    let shape: Shape

    /// A parameter's values in PyTorch's order.
    func values(_ name: String) -> [Double] {
        let entry = layout[name]
        // The layout's own conversion, of indices instead of values: float32 holds those exactly.
        let places = layout.zeros()
        _ = places.values.update(from: (0..<layout.count).map { Float($0) })
        return entry.pytorchValues(places).map { parameters[Int($0)] }
    }

    /// A convolution with 1 or 3 taps in depth.
    func convolution(_ x: [Double], _ name: String) -> [Double] {
        let weight = values(name + ".weight")
        let bias = values(name + ".bias")
        let extents = layout[name + ".weight"].shape
        let (outputs, inputs, taps) = (extents[0], extents[1], extents[2])
        var result: [Double] = []
        forEachPosition { z, y, x0 in
            for output in 0..<outputs {
                var sum = bias[output]
                for (k, j, i) in (0..<taps * 9).map({ ($0 / 9, $0 / 3 % 3, $0 % 3) }) {
                    let (sz, sy, sx) = (z + k - taps / 2, y + j - 1, x0 + i - 1)
                    guard (0..<shape.depth).contains(sz), (0..<shape.height).contains(sy),
                        (0..<shape.width).contains(sx)
                    else { continue }
                    let source = ((sz * shape.height + sy) * shape.width + sx) * inputs
                    for input in 0..<inputs {
                        sum += x[source + input] * weight[((output * inputs + input) * taps + k) * 9 + j * 3 + i]
                    }
                }
                result.append(sum)
            }
        }
        return result
    }

    /// A matrix at every position.
    func pointwise(_ x: [Double], _ name: String) -> [Double] {
        let weight = values(name + ".weight")
        let bias = values(name + ".bias")
        let inputs = layout[name + ".weight"].shape[1]
        return (0..<x.count / inputs).flatMap { position in
            bias.indices.map { output in
                (0..<inputs).reduce(bias[output]) { $0 + x[position * inputs + $1] * weight[output * inputs + $1] }
            }
        }
    }

    /// Group normalization in four groups, then a leaky rectifier.
    func normalization(_ x: [Double], _ name: String, slope: Double) -> [Double] {
        let weight = values(name + ".weight")
        let bias = values(name + ".bias")
        let channels = weight.count
        var result = x
        for group in 0..<4 {
            let members = x.indices.filter { $0 % channels / (channels / 4) == group }
            let mean = members.reduce(0) { $0 + x[$1] } / Double(members.count)
            let variance = members.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(members.count)
            for index in members {
                let value =
                    weight[index % channels] * (x[index] - mean) / (variance + 1e-5).squareRoot()
                    + bias[index % channels]
                result[index] = value > 0 ? value : slope * value
            }
        }
        return result
    }

    /// `Block` of the method.
    func block(_ x: [Double], _ name: String) -> [Double] {
        let middle = normalization(convolution(x, name + ".conv1"), name + ".norm1", slope: 0.01)
        return normalization(convolution(middle, name + ".conv2"), name + ".norm2", slope: 0.01)
    }

    /// `Attention` of the method.
    func attention(_ x: [Double], context: [Double], _ name: String, scale: Double) -> [Double] {
        let queries = pointwise(x, name + ".query")
        let keys = pointwise(context, name + ".key")
        let values = pointwise(context, name + ".value")
        let inner = layout[name + ".query.bias"].count
        let count = keys.count / inner
        var attended: [Double] = []
        for query in 0..<queries.count / inner {
            let weights = (0..<count).map { key in
                exp(
                    scale
                        * (0..<inner).reduce(0) { $0 + queries[query * inner + $1] * keys[key * inner + $1] })
            }
            let sum = weights.reduce(0, +)
            for channel in 0..<inner {
                attended.append((0..<count).reduce(0) { $0 + weights[$1] / sum * values[$1 * inner + channel] })
            }
        }
        return pointwise(attended, name + ".output")
    }

    private func forEachPosition(_ body: (_ z: Int, _ y: Int, _ x: Int) -> Void) {
        for z in 0..<shape.depth { for y in 0..<shape.height { for x in 0..<shape.width { body(z, y, x) } } }
    }
}
