import Foundation
import Tensors
import Testing

@Suite("Bottleneck losses")
struct BottleneckLossTests {
    static let shapes = [Shape(1, 1, 1, 4), Shape(2, 3, 4, 8), Shape(3, 2, 5, 6), Shape(1, 4, 1, 3)]

    @Test("the squared error is a mean, and adds its weighted gradient", arguments: shapes)
    func squaredError(_ shape: Shape) {
        let (value, target) = (Reference.tensor("value", shape), Reference.tensor("target", shape))
        let gradient = Reference.tensor("before", shape)
        let before = Reference.doubles(gradient)
        let loss = BottleneckLoss.meanSquaredError(value, target: target, weight: 1.5, addingGradientTo: gradient)
        let goal = Reference.doubles(target)
        func definition(_ x: [Double]) -> Double {
            zip(x, goal).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(x.count)
        }
        #expect(abs(loss - definition(Reference.doubles(value))) < 1e-6)
        let differences = Reference.differences(Reference.doubles(value), of: definition)
        let expected = zip(before, differences).map { $0 + 1.5 * $1 }
        #expect(Reference.relativeError(gradient.values, expected) < 1e-6)
    }

    @Test("the contrast is the symmetric divergence over columns, and adds its weighted gradients", arguments: shapes)
    func contrast(_ shape: Shape) {
        let server = Tensor(shape, values: Reference.values("server", shape.count).map { 3 * $0 })
        let client = Reference.tensor("client", shape)
        let serverGradient = Reference.tensor("before server", shape)
        let clientGradient = Reference.tensor("before client", shape)
        let (serverBefore, clientBefore) = (Reference.doubles(serverGradient), Reference.doubles(clientGradient))
        let loss = BottleneckLoss.contrast(
            server: server, client: client, weight: 20, addingGradientsTo: serverGradient, clientGradient)
        let (s, c) = (Reference.doubles(server), Reference.doubles(client))
        #expect(abs(loss - Self.definition(s, c, shape)) < 1e-6)
        // The divergence is symmetric, and so is the definition.
        let byServer = Reference.differences(s) { Self.definition($0, c, shape) }
        let byClient = Reference.differences(c) { Self.definition(s, $0, shape) }
        #expect(
            Reference.relativeError(serverGradient.values, zip(serverBefore, byServer).map { $0 + 20 * $1 }) < 1e-6)
        #expect(
            Reference.relativeError(clientGradient.values, zip(clientBefore, byClient).map { $0 + 20 * $1 }) < 1e-6)
    }

    @Test("equal maps have no contrast and no gradient, also if one is shifted by a constant")
    func equal() {
        let shape = Shape(2, 3, 5, 8)
        let server = Reference.tensor("server", shape)
        let client = Tensor(shape, values: server.array.map { $0 + 2 })
        let (first, second) = (Tensor.zeros(shape), Tensor.zeros(shape))
        let loss = BottleneckLoss.contrast(
            server: server, client: client, weight: 1, addingGradientsTo: first, second)
        #expect(abs(loss) < 1e-7)
        #expect((first.array + second.array).allSatisfy { abs($0) < 1e-7 })
    }

    @Test("values of any size give a finite contrast")
    func large() {
        let shape = Shape(1, 2, 6, 4)
        let server = Tensor(shape, values: Reference.values("server", shape.count).map { 1e4 * $0 })
        let client = Tensor(shape, values: Reference.values("client", shape.count).map { 1e4 * $0 })
        let (first, second) = (Tensor.zeros(shape), Tensor.zeros(shape))
        let loss = BottleneckLoss.contrast(
            server: server, client: client, weight: 1, addingGradientsTo: first, second)
        #expect(loss.isFinite && loss > 0)
        #expect((first.array + second.array).allSatisfy { $0.isFinite })
    }

    /// ½ (mean(C (log C − log S)) + mean(S (log S − log C))), S and C softmaxes over the columns.
    private static func definition(_ server: [Double], _ client: [Double], _ shape: Shape) -> Double {
        var sum = 0.0
        for row in 0..<shape.depth * shape.height {
            for channel in 0..<shape.channels {
                let places = (0..<shape.width).map { (row * shape.width + $0) * shape.channels + channel }
                let s = softmax(places.map { server[$0] })
                let c = softmax(places.map { client[$0] })
                for (p, q) in zip(s, c) { sum += q * (log(q) - log(p)) + p * (log(p) - log(q)) }
            }
        }
        return 0.5 * sum / Double(server.count)
    }

    private static func softmax(_ values: [Double]) -> [Double] {
        let sum = values.reduce(0) { $0 + exp($1) }
        return values.map { exp($0) / sum }
    }
}
