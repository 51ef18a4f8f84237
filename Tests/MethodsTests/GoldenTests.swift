import FedCRLD
import FederatedLearning
import Federation
import HDF5
import NeuralNetwork
import Tensors
import Testing

/// The engine against the method's PyTorch implementation, computed in float64; see ``GoldenCase/Bounds``.
@Suite("Golden")
struct GoldenTests {
    @Test("outputs and gradients of every center's network")
    func outputsAndGradients() throws {
        let golden = try GoldenCase()
        let file = try HDF5File.open(at: golden.path)
        for center in golden.classes.indices {
            let network = golden.network(center)
            let parameters = golden.parameters(network.layout, center: center)
            let crl = golden.parameters(network.relocalization.layout, center: center)
            let (image, labels) = golden.volume(0, center: center)
            let server = network.globalEncoder.forward(image, parameters)
            let client = network.localEncoder.forward(image, parameters)
            let relocalized = network.relocalization.forward(
                server: server.bottleneck, client: client.bottleneck, crl)
            let decoded = network.decoder.forward(relocalized.output, levels: client.levels, parameters)

            var outputs = GoldenComparison()
            let group = "center\(center)"
            try outputs.compare(decoded.probabilities, file, group + "/probabilities")
            try outputs.compare(server.bottleneck, file, group + "/server_bottleneck")
            try outputs.compare(client.bottleneck, file, group + "/client_bottleneck")
            try outputs.compare(relocalized.output, file, group + "/relocalized")
            print("golden \(group) outputs: largest relative difference \(outputs.largest) at \(outputs.place)")
            #expect(outputs.largest < 1e-5, "\(outputs.place)")

            let inferred = try network.predict(
                image, model: MomentumBank(parameters),
                relocalization: LocalRelocalization(
                    network.relocalization, MomentumBank(crl),
                    StepSettings(learningRate: 0)))
            #expect(inferred.array == decoded.probabilities.array, "inference keeps nothing, and differs in nothing")

            let terms = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 0)
                .evaluate(decoded.probabilities, labels: labels, teacher: nil)
            let (gradients, crlGradients) = (network.layout.zeros(), network.relocalization.layout.zeros())
            let (networks, relocalizations) = (Gradients(to: gradients), Gradients(to: crlGradients))
            let fromDecoder = network.decoder.backward(
                decoded.probabilities, decoded.saved, levels: client.levels, parameters, into: networks)
            let fromCRL = network.relocalization.backward(
                fromDecoder.bottleneck, relocalized.saved, crl, into: relocalizations)
            let contrast = BottleneckLoss.contrast(
                server: server.bottleneck, client: client.bottleneck, weight: 1000, addingGradientsTo: fromCRL.server,
                fromCRL.client)
            network.globalEncoder.backward(bottleneck: fromCRL.server, server, parameters, into: networks)
            network.localEncoder.backward(
                bottleneck: fromCRL.client, skips: fromDecoder.skips, client, parameters, into: networks)

            var losses = GoldenComparison()
            for (name, value) in [
                ("dice", terms.dice), ("cross_entropy", terms.crossEntropy), ("contrast", contrast),
            ] {
                let expected: Double = try file.attribute(name, of: group)
                // The contrast of bottlenecks of one column is zero.
                losses.note(abs(value - expected) / max(expected, 1e-6), name)
            }
            print("golden \(group) losses: \(losses.largest) at \(losses.place)")
            #expect(losses.largest < 5e-6, "\(losses.place)")

            var compared = GoldenComparison()
            try compared.compare(gradients, network.layout.entries, file, group + "/gradients", floor: 1e-3)
            try compared.compare(
                crlGradients, network.relocalization.layout.entries, file, group + "/gradients", floor: 1e-3)
            print("golden \(group) gradients: \(compared.largest) at \(compared.place)")
            #expect(compared.largest < golden.bounds.gradients, "\(compared.place)")
        }
    }

    @Test("rounds of steps with unequal weights: losses, networks, banks and the server's encoder")
    func rounds() throws {
        let golden = try GoldenCase()
        let file = try HDF5File.open(at: golden.path)
        let settings = StepSettings(learningRate: golden.rate, momentum: golden.momentum)
        let parts = ["global_encoder"]
        let centers = golden.classes.indices.map { center in
            let network = golden.network(center)
            let crl = MomentumBank(golden.parameters(network.relocalization.layout, center: center))
            return (
                network: network,
                model: MomentumBank(golden.parameters(network.layout, center: center)),
                relocalization: LocalRelocalization(network.relocalization, crl, settings)
            )
        }
        let totalWeight = centers.indices.reduce(0.0) { $0 + Double($1 + 1) }
        for round in 0..<golden.rounds {
            var losses = GoldenComparison()
            var parameters = GoldenComparison()
            var sum = ExactSum(centers[0].network.layout, Selection(below: parts))
            for (index, center) in centers.enumerated() {
                let group = "round\(round)/center\(index)"
                let expected: [Double] = try file.read(group + "/losses")
                let step = ClientStep(center.network, settings)
                for row in 0..<golden.steps {
                    let (image, labels) = golden.volume(row, center: index)
                    let actual = try step.run(
                        image: image, labels: labels, model: center.model, relocalization: center.relocalization)
                    let total = expected[row * 7 + 5]
                    for (column, value) in actual.array.enumerated() {
                        losses.note(
                            abs(value - expected[row * 7 + column]) / total, "\(group) step \(row) column \(column)")
                    }
                }
                for (model, layout) in [
                    (center.model, center.network.layout),
                    (center.relocalization.parameters, center.network.relocalization.layout),
                ] {
                    let moving = try golden.moving(layout, center: index, file)
                    try parameters.compare(model.student, moving, file, group + "/network", floor: 0)
                    try parameters.compare(model.teacher, moving, file, group + "/bank", floor: 0)
                }
                try sum.add(
                    center.model.student, weight: Double(index + 1) / totalWeight, center: "center\(index)")
            }
            for center in centers { sum.write(to: center.model.student) }
            let moving = try golden.moving(centers[0].network.layout, center: 0, file)
            try parameters.compare(centers[0].model.student, moving, file, "round\(round)/server", floor: 0)
            print("golden round \(round): losses \(losses.largest) at \(losses.place)")
            print("golden round \(round): parameters \(parameters.largest) at \(parameters.place)")
            #expect(losses.largest < golden.bounds.losses(round), "\(losses.place)")
            #expect(parameters.largest < golden.bounds.parameters(round), "\(parameters.place)")
        }
    }
}
