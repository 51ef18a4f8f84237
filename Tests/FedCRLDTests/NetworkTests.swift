import FedCRLD
import NeuralNetwork
import Tensors
import Testing

@Suite("Client network")
struct NetworkTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let width: Int
        let classes: Int
        let depth: Int
        let height: Int
        let columns: Int

        var testDescription: String { "width \(width), \(classes) classes, \(depth)×\(height)×\(columns)" }

        init(_ width: Int, _ classes: Int, _ depth: Int, _ height: Int, _ columns: Int) {
            (self.width, self.classes, self.depth) = (width, classes, depth)
            (self.height, self.columns) = (height, columns)
        }
    }

    static let cases = [
        Case(4, 2, 1, 8, 8), Case(4, 3, 1, 9, 15), Case(4, 4, 3, 17, 23), Case(8, 5, 2, 31, 8), Case(12, 6, 1, 13, 16),
        Case(8, 2, 4, 8, 25), Case(4, 6, 5, 15, 9),
    ]

    @Test("every extent from 8 on is mapped to probabilities of the same extent", arguments: cases)
    func shapes(_ row: Case) throws {
        let example = Example(
            width: row.width, classes: row.classes, depth: row.depth, height: row.height, columns: row.columns)
        let encoded = example.network.localEncoder.infer(example.image, example.model.student)
        let shapes = encoded.levels.map(\.shape) + [encoded.bottleneck.shape]
        #expect(shapes.count == 4)
        for (level, shape) in shapes.enumerated() {
            #expect(
                shape
                    == Shape(
                        depth: row.depth, height: row.height >> level, width: row.columns >> level,
                        channels: row.width << (level + 1)))
        }
        let relocalized = example.relocalization.infer(
            Bottlenecks(server: encoded.bottleneck, client: encoded.bottleneck))
        #expect(relocalized.shape == encoded.bottleneck.shape.with(channels: 32 * row.width))
        let probabilities = try example.network.predict(
            example.image, model: example.model, relocalization: example.relocalization)
        #expect(probabilities.shape == example.image.shape.with(channels: row.classes))
        for voxel in 0..<probabilities.shape.positions {
            let p = probabilities.values[voxel * row.classes..<(voxel + 1) * row.classes]
            #expect(p.allSatisfy { $0 >= 0 && $0 <= 1 })
            #expect(abs(p.reduce(0, +) - 1) < 1e-5)
        }
    }

    @Test("a step trains a network of any extent, with finite losses and gradients", arguments: cases)
    func step(_ row: Case) throws {
        let example = Example(
            width: row.width, classes: row.classes, depth: row.depth, height: row.height, columns: row.columns)
        let before = example.model.student.array
        let losses = try example.step()
        #expect(losses.array.allSatisfy { $0.isFinite && $0 >= 0 })
        for bank in [example.model, example.relocalization.parameters] {
            for values in [
                bank.student, bank.teacher, bank.studentOptimizer.firstMoment, bank.teacherOptimizer.firstMoment,
            ] {
                #expect(values.values.allSatisfy { $0.isFinite })
            }
        }
        #expect(example.model.student.array != before)
    }

    @Test("inference gives the bits of training's forward pass", arguments: cases)
    func inference(_ row: Case) throws {
        let example = Example(
            width: row.width, classes: row.classes, depth: row.depth, height: row.height, columns: row.columns)
        let parameters = example.model.student
        let pass = example.network.globalEncoder.forward(example.image, parameters)
        let inferred = example.network.globalEncoder.infer(example.image, parameters)
        #expect(pass.levels.count == 3 && inferred.levels.count == 3)
        for (a, b) in zip(pass.levels, inferred.levels) { #expect(a.written().array == b.written().array) }
        #expect(pass.bottleneck.array == inferred.bottleneck.array)
        let relocalized = Tensor.zeros(pass.bottleneck.shape.with(channels: 32 * row.width))
        #expect(
            example.network.decoder.forward(relocalized, levels: pass.levels, parameters).probabilities.array
                == example.network.decoder.infer(relocalized, levels: pass.levels, parameters).array)
    }

    @Test(
        "an encoder without a decoder, which computes its first level again, has the same gradients", arguments: cases)
    func firstLevel(_ row: Case) {
        let example = Example(
            width: row.width, classes: row.classes, depth: row.depth, height: row.height, columns: row.columns)
        let (parameters, encoder) = (example.model.student, example.network.globalEncoder)
        let gradients = [true, false].map { forDecoder in
            let pass = encoder.forward(example.image, parameters, forDecoder: forDecoder)
            let (bottleneck, values) = (pass.bottleneck.copy(), parameters.layout.zeros())
            encoder.backward(bottleneck: bottleneck, pass, parameters, into: Gradients(to: values))
            return values.array
        }
        #expect(gradients[0] == gradients[1])
        #expect(gradients[0].contains { $0 != 0 })
    }

    // Width, classes, and the numbers of elements that torch counts in the same network in PyTorch: in all, and in CRL.
    @Test(
        "has as many parameters as the network in PyTorch: 33.2 million at the paper's width",
        arguments: [
            (32, 4, 33_240_324, 15_208_960), (32, 5, 33_240_389, 15_208_960), (8, 2, 2_080_802, 951_424),
            (4, 6, 521_334, 238_144), (12, 3, 4_678_539, 2_139_840),
        ])
    func parameters(_ width: Int, _ classes: Int, _ all: Int, _ relocalization: Int) {
        let network = ClientNetwork(width: width, classes: classes)
        #expect(network.layout.count + network.relocalization.layout.count == all)
        #expect(network.relocalization.layout.count == relocalization)
        let names = (network.layout.entries + network.relocalization.layout.entries).map(\.name)
        #expect(names.count == 118)
        #expect(Set(names).count == names.count)
    }

    @Test("centers of different classes share all parameters but the head's")
    func classes() {
        let (few, many) = (ClientNetwork(width: 4, classes: 2), ClientNetwork(width: 4, classes: 5))
        let differing = zip(few.layout.entries, many.layout.entries).filter { $0.shape != $1.shape }.map(\.0.name)
        #expect(differing == ["decoder.head.weight", "decoder.head.bias"])
        let (a, b) = (few.layout.initialValues(seed: 9), many.layout.initialValues(seed: 9))
        for (first, second) in zip(few.layout.entries, many.layout.entries) where first.shape == second.shape {
            #expect(first.pytorchValues(a) == second.pytorchValues(b))
        }
    }

    @Test("the attention's scale changes what is relocalized")
    func scale() throws {
        let results = try AttentionScale.allCases.map { scale in
            let example = Example(scale: scale)
            return try example.network.predict(
                example.image, model: example.model, relocalization: example.relocalization
            ).array
        }
        #expect(results[0] != results[1])
    }

    @Test("a width that four groups do not divide is a mistake", arguments: [0, 6, -4])
    func width(_ width: Int) async {
        await #expect(processExitsWith: .failure) { [width] in _ = ClientNetwork(width: width, classes: 2) }
    }
}
