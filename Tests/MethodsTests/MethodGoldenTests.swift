import FederatedLearning
import Federation
import Foundation
import HDF5
import Methods
import NeuralNetwork
import Tensors
import TestSupport
import Testing

/// Every method against `Tests/Fixtures/methods.py`, which computes the same in PyTorch by automatic derivatives in float64:
/// two centers of 4 and 5 classes with weights 1/3 and 2/3, two rounds of three steps.
@Suite("Methods: golden values")
struct MethodGoldenTests {
    static let names = [
        "local", "fedavg", "fedprox", "fedbn", "fedper", "fedrep", "ditto", "mr-mtl", "apfl", "moon", "scaffold",
        "fedadam", "fedyogi", "prrfl",
    ]

    @Test("losses, and all that centers and server have after each round", arguments: names)
    func rounds(_ name: String) throws {
        let golden = try MethodGolden(name)
        let file = try HDF5File.open(at: golden.path)
        let methods = try golden.classes.map { try golden.method(name, heads: [$0]) }
        let aggregation = Aggregation(methods[0], centers: 2, seed: 0, isRoot: true)
        let states = methods.enumerated().map { golden.state($1, center: $0) }
        for content in aggregation.server.contents where content.exchange.variable == "network" {
            for range in content.ranges { _ = content.values[range].update(from: states[0]["network"][range]) }
        }
        for round in 0..<golden.rounds {
            var (losses, parameters) = (GoldenComparison(), GoldenComparison())
            aggregation.reset()
            for (center, (method, state)) in zip(methods, states).enumerated() {
                let group = "\(name)/round\(round)/center\(center)"
                let context = TrainingContext(
                    steps: golden.steps, server: aggregation.server, services: .here,
                    validation: { [golden.volume(golden.steps, center: center)] })
                method.begin(state, round: round + 1, aggregation.server)
                let expected: [Double] = try file.read(group + "/losses")
                for step in 0..<golden.steps {
                    let actual = try method.step(golden.volume(step, center: center), state, context)
                    state.steps += 1
                    try #require(actual.count == method.terms.count && expected.count == golden.steps * actual.count)
                    for (term, value) in actual.enumerated() {
                        losses.note(
                            abs(value - expected[step * actual.count + term]) / expected[step * actual.count],
                            "\(group) step \(step) \(method.terms[term].name)")
                    }
                }
                method.finish(state, context)
                state.steps = 0
                for variable in method.variables where file.exists("\(group)/\(variable.name)") {
                    let floor = try golden.changeFloor(variable.name, file, group + "/network")
                    try parameters.compare(state[variable.name], file, "\(group)/\(variable.name)", floor: floor)
                }
                try aggregation.add(state, weight: golden.weights[center])
            }
            try aggregation.aggregate(nil)
            for content in aggregation.server.contents {
                let group = "\(name)/round\(round)/server"
                let variable = content.exchange.variable
                try parameters.compare(
                    content.values, file, "\(group)/\(variable)",
                    floor: try golden.changeFloor(variable, file, group + "/network"))
                for (memory, values) in zip(content.exchange.update.memory, content.memory) {
                    try parameters.compare(
                        values, file, "\(group)/\(memory.name)",
                        floor: try golden.changeFloor(memory.name, file, group + "/network"))
                }
            }
            print("golden \(name) round \(round): losses \(losses.largest) at \(losses.place)")
            print("golden \(name) round \(round): parameters \(parameters.largest) at \(parameters.place)")
            #expect(losses.largest < golden.bounds.losses(round), "\(losses.place)")
            #expect(parameters.largest < golden.bounds.parameters(round), "\(parameters.place)")
        }
    }

    @Test("a network that is trained on pooled volumes, with a head for each number of classes")
    func pooled() throws {
        let golden = try MethodGolden("centralized")
        let file = try HDF5File.open(at: golden.path)
        let method = try golden.method("centralized", heads: golden.classes)
        let state = golden.state(method, center: 0)
        let context = TrainingContext(
            steps: 2 * golden.steps, server: method.serverState(seed: 0, keepsMemory: false), services: .here)
        for round in 0..<golden.rounds {
            var (losses, parameters) = (GoldenComparison(), GoldenComparison())
            let group = "centralized/round\(round)/center0"
            let expected: [Double] = try file.read(group + "/losses")
            var actual: [Double] = []
            for step in 0..<golden.steps {
                for center in golden.classes.indices {
                    let volume = golden.volume(step, center: center)
                    actual += try method.step(
                        TrainingVolume(image: volume.image, labels: volume.labels, head: center), state, context)
                }
            }
            try #require(actual.count == expected.count)
            for (index, (value, wanted)) in zip(actual, expected).enumerated() {
                losses.note(abs(value - wanted) / wanted, "\(group) number \(index)")
            }
            try parameters.compare(state["network"], file, "\(group)/network")
            #expect(losses.largest < golden.bounds.losses(round), "\(losses.place)")
            #expect(parameters.largest < golden.bounds.parameters(round), "\(parameters.place)")
            // What the other head has learnt is none of this step's business.
            #expect(state.optimizer("network").steps == [2, 1, 1].map { $0 * golden.steps * (round + 1) })
        }
    }

    @Test("all residents that train one U-Net are compared")
    func complete() {
        let all = Configuration.Method.allCases.map(\.rawValue)
        #expect(Set(Self.names + ["centralized", "fedcrld"]) == Set(all))
    }
}

/// The fixture, and the numbers that it was made of.
private struct MethodGolden {
    let path: String
    let width: Int
    let classes: [Int]
    let size: [Int]
    let steps: Int
    let rounds: Int
    let weights: [Double]
    let salt: String
    let bounds = Arithmetic.fusesMultiplyAdd ? GoldenCase.Bounds.fixture : .anyFile
    private let numbers: [String: Double]

    /// The part of a method.
    init(_ name: String) throws {
        path =
            URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/methods-w8.h5").path
        let file = try HDF5File.open(at: path)
        width = try file.attribute("width")
        classes = try file.attribute("classes")
        size = try file.attribute("size")
        steps = try file.attribute("steps")
        rounds = try file.attribute("rounds")
        weights = try file.attribute("weights")
        salt = try file.attribute("salt", of: name)
        var numbers: [String: Double] = [:]
        for name in [
            "rate", "sgd_rate", "mu", "lambda", "server_rate", "tau", "beta1", "beta2", "scaffold_rate", "alpha",
            "alpha_rate", "moon_mu", "moon_temperature", "prrfl_rate", "prrfl_final_rate", "prrfl_alpha1",
            "prrfl_alpha2",
        ] {
            numbers[name] = try file.attribute(name)
        }
        self.numbers = numbers
    }

    /// The least norms that differences are measured by, of what is made of the parameters' changes: those are no more
    /// exact than the parameters are, in float32 a ten-millionth of them. Zeros for everything else.
    func changeFloor(_ variable: String, _ file: borrowing HDF5File, _ network: String) throws -> [String: Double] {
        let number = { numbers[$0] ?? .nan }
        let factor: Double
        switch variable {
        case "control": factor = 1 / (Double(steps) * number("sgd_rate"))
        case "first_moment": factor = 1 - number("beta1")
        default: return [:]
        }
        let names: [String] = try file.attribute("names", of: network)
        let norms: [Double] = try file.read(network)
        return Dictionary(
            uniqueKeysWithValues: names.enumerated().map { ($1, 1e-3 * factor * norms[2 * $0]) })
    }

    /// A method with the file's settings.
    func method(_ name: String, heads: [Int]) throws -> any FederatedMethod {
        func set(_ key: String, _ number: String) -> String { "\(key)=\(numbers[number] ?? .nan)" }
        func adaptive(_ name: String) -> [String] {
            [("server_rate", "server_rate"), ("tau", "tau"), ("beta1", "beta1"), ("beta2", "beta2")].map {
                set("\(name).\($0.0)", $0.1)
            }
        }
        let own: [String: [String]] = [
            "fedprox": [set("fedprox.mu", "mu")], "ditto": [set("ditto.lambda", "lambda")],
            "mr-mtl": [set("mr-mtl.lambda", "mu")],
            "scaffold": [set("scaffold.server_rate", "scaffold_rate"), set("learning_rate", "sgd_rate")],
            "fedrep": ["local_epochs=\(steps)"],
            "apfl": [set("apfl.alpha", "alpha"), set("apfl.alpha_rate", "alpha_rate")],
            "moon": [set("moon.mu", "moon_mu"), set("moon.temperature", "moon_temperature")],
            "prrfl": ["local_epochs=\(steps)", "rounds=\(rounds)"]
                + ["rate", "final_rate", "alpha1", "alpha2"].map { set("prrfl.\($0)", "prrfl_\($0)") },
            "fedadam": adaptive("fedadam"), "fedyogi": adaptive("fedyogi"),
        ]
        return try Configuration.resolve(
            settings: [set("learning_rate", "rate"), "width=\(width)", "method=\(name)"] + (own[name] ?? [])
        ).method(heads: heads, population: Population(centers: 2, hasEqualClasses: false))
    }

    /// A center as it starts.
    func state(_ method: any FederatedMethod, center: Int) -> CenterState {
        let state = method.state(of: "center\(center)", seed: 0)
        for variable in method.variables
        where variable.start != .zeros && variable.layout.entries.contains(where: { $0.layer == .convolution }) {
            state[variable.name].assign(GoldenCase.parameters(variable.layout, "\(salt)/center\(center)"))
        }
        return state
    }

    /// The volume of a step.
    func volume(_ index: Int, center: Int) -> TrainingVolume {
        let shape = Shape(depth: size[0], height: size[1], width: size[2], channels: 1)
        let (image, labels) = GoldenCase.volume(index, shape, classes: classes[center], "\(salt)/center\(center)")
        return TrainingVolume(image: image, labels: labels)
    }
}

extension GoldenComparison {
    /// The norms and probes of what a dataset names, over the tensors' norms, or over a larger floor.
    fileprivate mutating func compare(
        _ parameters: Parameters, _ file: borrowing HDF5File, _ path: String, floor: [String: Double] = [:]
    ) throws {
        let names: [String] = try file.attribute("names", of: path)
        let expected: [Double] = try file.read(path)
        for (row, name) in names.enumerated() {
            let entry = try #require(parameters.layout.entries.first { $0.name == name }, "\(path): \(name)")
            let values = entry.pytorchValues(parameters).map(Double.init)
            let probe = GoldenCase.symmetric("probe/" + name, entry.count)
            let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let dot = zip(values, probe).reduce(0) { $0 + $1.0 * $1.1 }
            let scale = max(expected[2 * row], floor[name] ?? 0)
            note(abs(norm - expected[2 * row]) / scale, "\(path) \(name) norm")
            note(abs(dot - expected[2 * row + 1]) / scale, "\(path) \(name) probe")
        }
    }
}
