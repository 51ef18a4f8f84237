import Tensors

/// Plain loops in float64: what the kernels must agree with.
enum Reference {
    /// Deterministic values in [−1, 1).
    static func values(_ name: String, _ count: Int) -> [Float] {
        let key = RandomStream.hash(name)
        return (0..<count).map { Float(RandomStream.mix(key &+ UInt64($0)) >> 40) / Float(1 << 23) - 1 }
    }

    static func tensor(_ name: String, _ shape: Shape) -> Tensor { Tensor(shape, values: values(name, shape.count)) }

    /// ‖actual − expected‖ / ‖expected‖.
    static func relativeError(_ actual: some Sequence<Float>, _ expected: [Double]) -> Double {
        var difference = 0.0
        var norm = 0.0
        for (a, e) in zip(actual, expected) {
            difference += (Double(a) - e) * (Double(a) - e)
            norm += e * e
        }
        return (difference / max(norm, 1e-300)).squareRoot()
    }

    /// Calls `body(input index, weight index, output index)` for every multiplication of a convolution.
    static func forEachProduct(
        _ convolution: Convolution, _ shape: Shape, _ body: (_ input: Int, _ weight: Int, _ output: Int) -> Void
    ) {
        for z in 0..<shape.depth {
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    for k in 0..<convolution.taps {
                        for j in 0..<3 {
                            for i in 0..<3 {
                                let (sz, sy, sx) = (z + k - convolution.taps / 2, y + j - 1, x + i - 1)
                                guard sz >= 0, sz < shape.depth, sy >= 0, sy < shape.height, sx >= 0, sx < shape.width
                                else { continue }
                                let source = ((sz * shape.height + sy) * shape.width + sx) * convolution.inputs
                                let target = ((z * shape.height + y) * shape.width + x) * convolution.outputs
                                let tap = ((k * 3 + j) * 3 + i) * convolution.inputs
                                for c in 0..<convolution.inputs {
                                    for o in 0..<convolution.outputs {
                                        body(source + c, (tap + c) * convolution.outputs + o, target + o)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension Reference {
    /// Values as doubles, in memory order.
    static func doubles(_ tensor: Tensor) -> [Double] { tensor.values.map(Double.init) }

    /// Central differences of `function` by each of `values`: what an analytic gradient must agree with.
    static func differences(_ values: [Double], step: Double = 1e-5, of function: ([Double]) -> Double) -> [Double] {
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
}

extension Shape {
    /// A shape in a case table.
    init(_ depth: Int, _ height: Int, _ width: Int, _ channels: Int) {
        self.init(depth: depth, height: height, width: width, channels: channels)
    }
}
