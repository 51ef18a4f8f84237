import FedCRLD
import NeuralNetwork
import Tensors
import Testing

@Suite("Client step")
struct ClientStepTests {
    static let names = [
        "global_encoder.level1.conv1.weight", "global_encoder.level3.norm2.weight",
        "global_encoder.level4.conv2.weight",
        "local_encoder.level1.conv2.weight", "local_encoder.level2.conv2.weight", "local_encoder.level4.conv1.weight",
        "decoder.stage1.up.weight", "decoder.stage2.block.conv1.weight", "decoder.stage3.block.norm2.bias",
        "decoder.head.weight", "relocalization.self_attention.value.weight", "relocalization.self_fusion.weight",
        "relocalization.cross_attention.query.weight", "relocalization.cross_attention.output.bias",
        "relocalization.norm.weight",
    ]

    /// Every term counts, and the bank stays what it is: its average is taken with momentum 1.
    private static var settings: StepSettings {
        var settings = StepSettings(learningRate: 0, momentum: 1)
        settings.weights.contrast = 30
        return settings
    }

    @Test("descends along the gradient of its total loss: differences along each parameter's own", arguments: names)
    func networkGradient(_ name: String) throws {
        try compare(name, of: { $0.student }, optimizer: { $0.studentOptimizer }, loss: { $0.total })
    }

    @Test("trains the bank along the gradient of the bank's loss", arguments: names.dropFirst(3))
    func bankGradient(_ name: String) throws {
        try compare(name, of: { $0.teacher }, optimizer: { $0.teacherOptimizer }, loss: { $0.bank })
    }

    static let terms: [WritableKeyPath<StepSettings.LossWeights, Double> & Sendable] = [
        \.dice, \.crossEntropy, \.distillation, \.correlation, \.contrast,
    ]

    @Test(
        "descends along the gradient of each term of the loss alone", arguments: terms,
        ["global_encoder.level4.conv2.weight", "local_encoder.level4.norm1.weight"])
    func termGradient(
        _ term: WritableKeyPath<StepSettings.LossWeights, Double> & Sendable, _ name: String
    ) throws {
        var settings = StepSettings(learningRate: 0, momentum: 1)
        for other in Self.terms { settings.weights[keyPath: other] = 0 }
        settings.weights[keyPath: term] = 3
        try compare(
            name, settings: settings, of: { $0.student }, optimizer: { $0.studentOptimizer }, loss: { $0.total })
    }

    /// Compares the gradient that the optimizer was given with the loss's change along it.
    private func compare(
        _ name: String, settings: StepSettings = Self.settings, of values: (MomentumBank) -> Parameters,
        optimizer: (MomentumBank) -> Adam,
        loss: (StepLosses) -> Double
    ) throws {
        func bank(_ example: Example) -> MomentumBank {
            name.hasPrefix("relocalization") ? example.relocalization.parameters : example.model
        }
        let example = Example(settings: settings)
        _ = try example.step()
        let entry = try #require(bank(example).student.layout.entries.first { $0.name == name })
        // After Adam's first step, its first moment is a tenth of the gradient.
        let gradient = entry.range.map { 10 * Double(optimizer(bank(example)).firstMoment.values[$0]) }
        let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
        try #require(norm > 1e-5)
        func moved(by distance: Double) throws -> Double {
            let example = Example(settings: settings)
            for (index, slope) in zip(entry.range, gradient) {
                values(bank(example)).values[index] += Float(distance * slope / norm)
            }
            return loss(try example.step())
        }
        // Far enough that the loss changes by much more than its rounding, near enough that few rectifiers and maxima
        // turn over.
        let distance = min(2e-3, max(1e-4, 5e-5 / norm))
        let measured = (try moved(by: distance) - moved(by: -distance)) / (2 * distance)
        #expect(abs(measured / norm - 1) < 0.04, "\(measured) instead of \(norm)")
    }

    @Test("its total is the weighted sum of its terms, and its terms are not weighted")
    func total() throws {
        var settings = StepSettings(learningRate: 1e-3)
        let expected = try Example(settings: settings).step()
        settings.weights.dice = 0.5
        settings.weights.crossEntropy = 2
        settings.weights.distillation = 3
        settings.weights.correlation = 0.25
        settings.weights.contrast = 7
        let losses = try Example(settings: settings).step()
        #expect(losses.array.prefix(5) == expected.array.prefix(5))
        let sum =
            0.5 * losses.dice + 2 * losses.crossEntropy + 3 * losses.distillation + 0.25 * losses.correlation
            + 7 * losses.contrast
        #expect(abs(losses.total - sum) < 1e-12)
        #expect(losses.array.allSatisfy { $0 > 0 })
    }

    @Test("without weights the network has no gradient, and its bank still trains")
    func withoutWeights() throws {
        var settings = StepSettings(learningRate: 1e-3)
        settings.weights.dice = 0
        settings.weights.crossEntropy = 0
        settings.weights.distillation = 0
        settings.weights.correlation = 0
        settings.weights.contrast = 0
        let example = Example(settings: settings)
        let before = example.model.student.array
        let losses = try example.step()
        #expect(losses.total == 0)
        #expect(losses.dice > 0)
        for bank in [example.model, example.relocalization.parameters] {
            #expect(bank.studentOptimizer.firstMoment.values.allSatisfy { $0 == 0 })
            #expect(bank.teacherOptimizer.firstMoment.values.contains { $0 != 0 })
        }
        #expect(example.model.student.array == before)
    }

    @Test("only correlation and contrast: the decoder has no gradient, the encoders do")
    func bottleneckTerms() throws {
        var settings = StepSettings(learningRate: 1e-3)
        settings.weights.dice = 0
        settings.weights.crossEntropy = 0
        settings.weights.distillation = 0
        let example = Example(settings: settings)
        _ = try example.step()
        let moment = example.model.studentOptimizer.firstMoment
        for entry in example.network.layout.entries {
            let isZero = entry.range.allSatisfy { moment.values[$0] == 0 }
            #expect(isZero == entry.name.hasPrefix("decoder"), "\(entry.name)")
        }
    }

    @Test("a network that equals its bank has no correlation loss")
    func equalBank() throws {
        let example = Example()
        for bank in [example.model, example.relocalization.parameters] {
            bank.teacher.assign(bank.student)
        }
        let losses = try example.step()
        #expect(losses.correlation == 0)
        #expect(losses.contrast > 0)
    }

    @Test("asks for relocalization four times in a fixed order, and once for a prediction")
    func order() throws {
        let example = Example()
        let recorder = Recorder(example.relocalization)
        _ = try ClientStep(example.network, example.settings).run(
            image: example.image, labels: example.labels, model: example.model, relocalization: recorder)
        #expect(recorder.calls == ["relocalize", "backwardStudent", "relocalizeTeacher", "backwardTeacher"])
        recorder.calls = []
        _ = try example.network.predict(example.image, model: example.model, relocalization: recorder)
        #expect(recorder.calls == ["infer"])
    }

    @Test("a service's error ends the step")
    func failure() {
        let example = Example()
        let recorder = Recorder(example.relocalization)
        recorder.failing = "backwardStudent"
        #expect(throws: Recorder.Failure.self) {
            try ClientStep(example.network, example.settings).run(
                image: example.image, labels: example.labels, model: example.model, relocalization: recorder)
        }
        #expect(recorder.calls == ["relocalize", "backwardStudent"])
    }

    @Test("is a function of its inputs: the same bits again")
    func deterministic() throws {
        let (first, second) = (Example(), Example())
        for _ in 0..<3 { #expect(try first.step() == second.step()) }
        #expect(first.model.student.array == second.model.student.array)
        #expect(first.model.teacher.array == second.model.teacher.array)
        #expect(first.relocalization.parameters.teacher.array == second.relocalization.parameters.teacher.array)
        #expect(first.model.studentOptimizer.steps == [3])
        #expect(first.relocalization.parameters.teacherOptimizer.steps == [3])
    }

    @Test("steps on one volume learn it")
    func learns() throws {
        let example = Example(settings: StepSettings(learningRate: 3e-3))
        let first = try example.step()
        var last = first
        for _ in 0..<30 { last = try example.step() }
        #expect(last.dice < 0.8 * first.dice)
        #expect(last.bank < 0.8 * first.bank)
    }
}

/// Passes calls on and remembers them.
private final class Recorder: RelocalizationService {
    struct Failure: Error {}

    var calls: [String] = []
    var failing = ""
    private let service: LocalRelocalization

    init(_ service: LocalRelocalization) { self.service = service }

    private func record(_ call: String) throws {
        calls.append(call)
        if call == failing { throw Failure() }
    }

    func relocalize(teacher: Bottlenecks, student: Bottlenecks) throws -> (teacher: Tensor, student: Tensor) {
        try record("relocalize")
        return service.relocalize(teacher: teacher, student: student)
    }

    func backwardStudent(_ gradient: Tensor) throws -> Bottlenecks {
        try record("backwardStudent")
        return service.backwardStudent(gradient)
    }

    func relocalizeStudent(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try record("relocalizeStudent")
        return service.relocalizeStudent(bottlenecks)
    }

    func relocalizeTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try record("relocalizeTeacher")
        return service.relocalizeTeacher(bottlenecks)
    }

    func backwardTeacher(_ gradient: Tensor) throws -> Bottlenecks {
        try record("backwardTeacher")
        return service.backwardTeacher(gradient)
    }

    func infer(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try record("infer")
        return service.infer(bottlenecks)
    }

    func inferTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try record("inferTeacher")
        return service.inferTeacher(bottlenecks)
    }
}
