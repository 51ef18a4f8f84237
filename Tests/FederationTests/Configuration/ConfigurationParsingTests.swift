import Foundation
import Testing

import FedCRLD
import Federation

@Suite("Configuration: reading files and options")
struct ConfigurationParsingTests {
    @Test("options override the file, which overrides the preset")
    func precedence() throws {
        try withFile("preset: tiny\nrounds: 7\nlearning_rate: 1e-4\n") { path in
            let configuration = try Configuration.resolve(file: path, settings: ["rounds=9"], data: "/data/heart")
            var expected = Configuration(preset: .tiny)
            expected.rounds = 9
            expected.learningRate = 1e-4
            expected.data = "/data/heart"
            #expect(configuration == expected)
        }
    }

    @Test("the preset is the one of --set, or else of --preset, or else of the file, or else the standard one")
    func presetPrecedence() throws {
        try withFile("preset: tiny\n") { path in
            let all = try Configuration.resolve(preset: "small", file: path, settings: ["preset=paper"])
            #expect(all == Configuration(preset: .paper))
            #expect(try Configuration.resolve(preset: "small", file: path) == Configuration(preset: .small))
            #expect(try Configuration.resolve(file: path) == Configuration(preset: .tiny))
        }
        #expect(try Configuration.resolve() == Configuration(preset: Configuration.standardPreset))
    }

    @Test("a preset given after other keys does not undo them")
    func presetOrder() throws {
        #expect(try Configuration.resolve(settings: ["rounds=3", "preset=tiny"]).rounds == 3)
    }

    struct Reading: Sendable, CustomTestStringConvertible {
        var yaml: String
        var key: String
        var value: String
        var testDescription: String { yaml }

        init(_ yaml: String, _ key: String, _ value: String) {
            self.yaml = yaml
            self.key = key
            self.value = value
        }
    }

    @Test(
        "values are read, nested or dotted",
        arguments: [
            Reading("loss: {dice: 0.5, contrast: 0}", "loss.contrast", "0"),
            Reading("loss.dice: .5", "loss.dice", "0.5"),
            Reading("crl:\n  attention_scale: sqrt_d", "crl.attention_scale", "sqrt_d"),
            Reading("crl: {placement: 'client'}", "crl.placement", "client"),
            Reading("seed: 18446744073709551615", "seed", "18446744073709551615"),
            Reading("learning_rate: 1e-5", "learning_rate", "1.0e-05"),
            Reading("momentum: -0.0", "momentum", "0"),
            Reading("size: [64, 80]", "size", "[64, 80]"),
            Reading("size: [8, 64, 80]", "size", "[8, 64, 80]"),
            Reading("size: 10x128x96", "size", "[10, 128, 96]"),
            Reading("data: ~", "data", "null"),
            Reading("data: 'null'", "data", "\"null\""),
            Reading("aggregation:\n  parts:\n  - decoder.stage1", "aggregation.parts", "[decoder.stage1]"),
            Reading(
                "augmentation: {rotation: {range: [-10, 10.5]}}", "augmentation.rotation.range", "[-10, 10.5]"),
            Reading("rounds: &many 12\nevaluate_every: *many", "evaluate_every", "12"),
        ])
    func reads(_ item: Reading) throws {
        #expect(try Configuration.parse(yaml: item.yaml, name: "c.yaml").value(of: item.key) == item.value)
    }

    @Test("an empty file sets nothing", arguments: ["", "# nothing\n", "---\n", "null\n", "{}\n"])
    func emptyFiles(_ yaml: String) throws {
        #expect(try Configuration.parse(yaml: yaml, name: "c.yaml") == Configuration())
    }

    @Test(
        "a key that a run's configuration lacks, being younger, leaves the computation as it was, whatever the preset says now"
    )
    func youngerKeys() throws {
        // The presets have other rounds than the defaults; of younger keys only these say otherwise.
        var now = Configuration(preset: .tiny)
        (now.rateCourse, now.warmupRounds) = (.polynomial, 2)
        let lines = now.yaml.split(separator: "\n").filter {
            !$0.hasPrefix("schedule:") && !$0.hasPrefix("warmup_rounds:")
        }
        let read = try Configuration.parse(yaml: lines.joined(separator: "\n"), name: "config.yaml")
        #expect(read.rateCourse == .constant && read.warmupRounds == 0)
        #expect(read.differences(from: now).map(\.key) == ["schedule", "warmup_rounds"])
    }

    @Test("an option's value is YAML; a path is taken as it is")
    func options() throws {
        let configuration = try Configuration.resolve(settings: [
            "aggregation.parts=[global_encoder, decoder]", "loss={dice: 2, contrast: 3}", "data=/a: b/#c = {d",
        ])
        #expect(configuration[FedCRLDMethod.parts] == ["global_encoder", "decoder"])
        #expect(configuration.loss.dice == 2)
        #expect(configuration[FedCRLDMethod.contrast] == 3)
        #expect(configuration.data == "/a: b/#c = {d")
    }

    @Test("of two options for one key the last counts")
    func lastOption() throws {
        #expect(try Configuration.resolve(settings: ["rounds=3", "rounds=4"]).rounds == 4)
    }

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }
}
