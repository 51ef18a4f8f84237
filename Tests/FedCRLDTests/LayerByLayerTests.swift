import Testing

import FedCRLD
import NeuralNetwork
import Tensors

@Suite("Gradients layer by layer")
struct LayerByLayerTests {
    /// What a pass writes, with a layer's parameters destroyed as soon as they have their gradients: nothing may depend on
    /// them any more.
    private final class Taken {
        private(set) var values: [Float]
        private(set) var times: [Int]

        init(_ count: Int) {
            values = Array(repeating: .nan, count: count)
            times = Array(repeating: 0, count: count)
        }

        func gradients(destroying parameters: Parameters) -> Gradients {
            Gradients { range, gradients in
                for index in range {
                    self.values[index] = gradients[index - range.lowerBound]
                    self.times[index] += 1
                }
                parameters[range].update(repeating: .nan)
            }
        }
    }

    /// Compares a pass whose gradients are taken layer by layer with one whose gradients are kept.
    private func compare(_ parameters: Parameters, _ pass: (Parameters, Gradients) -> Void) {
        let kept = parameters.layout.zeros()
        pass(parameters, Gradients(to: kept))
        let taken = Taken(parameters.count)
        let destroyed = parameters.copy()
        pass(destroyed, taken.gradients(destroying: destroyed))
        #expect(taken.times == Array(repeating: 1, count: parameters.count))
        #expect(taken.values == kept.array)
    }

    @Test("of encoders and decoder come once each, the same as all at once, and nothing needs what has its own already")
    func network() {
        let example = Example()
        func pass(_ parameters: Parameters, into gradients: Gradients) {
            let network = example.network
            let server = network.globalEncoder.forward(example.image, parameters)
            let client = network.localEncoder.forward(example.image, parameters)
            let features = Elementwise.concatenate(server.bottleneck, client.bottleneck)
            let (scores, saved) = network.decoder.forward(features, levels: client.levels, parameters)
            let decoded = network.decoder.backward(scores, saved, levels: client.levels, parameters, into: gradients)
            let (ofServer, ofClient) = Elementwise.halve(decoded.bottleneck)
            network.globalEncoder.backward(bottleneck: ofServer, server, parameters, into: gradients)
            network.localEncoder.backward(
                bottleneck: ofClient, skips: decoded.skips, client, parameters, into: gradients)
        }
        let parameters = example.model.student
        compare(parameters, pass)
    }

    @Test("of the relocalization likewise, whose normalization serves four places", arguments: [false, true])
    func relocalization(_ isPlain: Bool) {
        let module = Relocalization(width: 4, attentionScale: .none, isPlain: isPlain)
        let shape = Shape(depth: 2, height: 3, width: 3, channels: 64)
        let bottlenecks = ["server", "client"].map { Tensor(shape, values: Example.values($0, shape.count)) }
        func pass(_ parameters: Parameters, into gradients: Gradients) {
            let (output, saved) = module.forward(server: bottlenecks[0], client: bottlenecks[1], parameters)
            _ = module.backward(output, saved, parameters, into: gradients)
        }
        let parameters = module.layout.initialValues(seed: 3)
        compare(parameters, pass)
    }
}
