import Foundation
import Testing

import FedCRLD
import Federation

@Suite("Configuration: errors")
struct ConfigurationErrorTests {
    /// A text and what the error about it must say.
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var says: [String]
        var testDescription: String { text }

        init(_ text: String, _ says: String...) {
            self.text = text
            self.says = says
        }
    }

    @Test(
        "an unknown key is named with its line and the nearest key",
        arguments: [
            Case("rounds: 3\nleraning_rate: 1", "leraning_rate", "c.yaml, line 2", "nearest is learning_rate"),
            Case("loss:\n  dice: 1\n\n  distilation: 1", "loss.distilation", "line 4", "nearest is loss.distillation"),
            Case("placement: root", "placement", "line 1", "nearest is crl.placement"),
            Case("Rounds: 3", "Rounds", "nearest is rounds"),
            Case("rounds.more: 3", "rounds.more", "no such key"),
            Case("modle: {width: 8}", "modle", "line 1", "no such key"),
            Case("\(String(repeating: "x", count: 300)): 3", "no such key"),
            Case("? [a, b]\n: 3", "[a, b]", "no such key"),
            Case("<<: {rounds: 3}", "<<", "no such key"),
        ])
    func unknownKeys(_ item: Case) { expectError(item) }

    @Test(
        "a value out of range is named with its key, its line and what is accepted",
        arguments: [
            Case("seed: 1\nrounds: 0", "rounds to 0", "line 2", "out of range", "from 1 to 1000000"),
            Case("rounds: 99999999999999999999999", "rounds", "out of range"),
            Case("seed: -1", "seed to -1", "out of range"),
            Case("seed: 18446744073709551616", "seed", "out of range"),
            Case("width: 30", "width to 30", "multiple of 4"),
            Case("participation: 0", "participation to 0", "above 0, at most 1"),
            Case("momentum: 1.01", "momentum to 1.01", "from 0 to 1"),
            Case("learning_rate: 1e400", "learning_rate", "out of range"),
            Case("size: [4, 64]", "size to [4, 64]", "8 to 4096"),
            Case("size: [0, 64, 64]", "size", "out of range"),
            Case("loss:\n  dice: -1", "loss.dice to -1", "line 2", "out of range"),
            Case("augmentation: {scale: {range: [1.2, 0.8]}}", "augmentation.scale.range", "above the second"),
            Case("augmentation: {blur: {range: [-1, 0.8]}}", "augmentation.blur.range", "out of range"),
            Case("checkpoint: {keep: 0}", "checkpoint.keep to 0", "from 1"),
        ])
    func outOfRange(_ item: Case) { expectError(item) }

    @Test(
        "a value of the wrong type is named with its key and what is accepted",
        arguments: [
            Case("rounds: many", "rounds to many", "line 1", "not a whole number"),
            Case("rounds: 3.5", "rounds to 3.5", "not a whole number"),
            Case("rounds: '3'", "rounds to \"3\"", "not a whole number"),
            Case("rounds:", "rounds to nothing", "not a whole number"),
            Case("rounds: [3]", "rounds to [3]", "not a whole number"),
            Case("rounds: {a: 3}", "rounds to a group of keys", "not a whole number"),
            Case("momentum: nan", "momentum to nan", "not a number"),
            Case("momentum: 0x1p-1", "momentum", "not a number"),
            Case("loss: 3", "loss is a group of keys", "loss.dice"),
            Case("crl: {placement: server}", "crl.placement to server", "no such choice", "one of root, client"),
            Case("preset: huge", "preset to huge", "one of tiny, small, paper"),
            Case("method: fedavgg", "method to fedavgg", "the nearest is fedavg", "give one of fedcrld"),
            Case("preprocessing: {normalize: yes}", "preprocessing.normalize to yes", "true or false"),
            Case("size: 64", "size to 64", "two or three numbers"),
            Case("size: 64xx64", "size to 64xx64", "not a whole number"),
            Case("size: [64, [64]]", "size", "not a whole number"),
            Case("data: [a]", "data to [a]", "not a path"),
            Case("data: ''", "data to \"\"", "no file"),
            Case("aggregation: {parts: global_encoder}", "aggregation.parts", "not a list"),
            Case("aggregation: {parts: [global_encodr]}", "no part global_encodr", "nearest is global_encoder"),
            Case("aggregation: {parts: [decoder.]}", "aggregation.parts", "no part decoder."),
            Case("aggregation: {parts: [decoder, decoder.stage1]}", "decoder.stage1 and decoder name the same"),
            Case("aggregation: {parts: [decoder, decoder]}", "name the same"),
        ])
    func wrongType(_ item: Case) { expectError(item) }

    @Test(
        "what is not YAML is an error with its line",
        arguments: [
            Case("rounds: 3\nsize: [64, 64", "read configuration c.yaml", "line "),
            Case("rounds: 3\n\tseed: 4", "line 2"),
            Case("seed: 1\nrounds: 3\nrounds: 4", "rounds is given more than once"),
            Case("loss: {dice: 1}\nloss.dice: 2", "set loss.dice (c.yaml, line 2)", "first at c.yaml, line 1"),
            Case("rounds: *unknown", "line 1", "undefined alias"),
            Case("rounds: 1\n---\nrounds: 2", "another document"),
            Case("- rounds", "line 1", "keys with values"),
            Case("rounds", "keys with values"),
            Case("seed: 1\na\u{1}b: 3", "configuration c.yaml", "line 2"),
        ])
    func notYAML(_ item: Case) { expectError(item) }

    @Test(
        "an option is named as it was given",
        arguments: [
            Case("rounds=0", "set rounds to 0 (--set rounds=0)", "from 1"),
            Case("rouns=3", "(--set rouns=3)", "nearest is rounds"),
            Case("rounds=", "rounds to nothing"),
            Case("rounds", "--set rounds", "key=value"),
            Case("=3", "--set =3", "key=value"),
            Case("size=[64, 64", "--set size=[64, 64", "correct the YAML"),
            Case("loss=3", "loss is a group of keys"),
            Case("loss={dise: 3}", "loss.dise", "nearest is loss.dice"),
        ])
    func options(_ item: Case) {
        expectError(item) { _ = try Configuration.resolve(settings: [item.text]) }
        expectError(item) { _ = try Configuration(preset: .tiny).applying(settings: [item.text]) }
    }

    @Test("--preset and --data are named")
    func flags() {
        expectError(Case("", "(--preset huge)")) { _ = try Configuration.resolve(preset: "huge") }
        expectError(Case("", "no file", "(--data a\0)")) { _ = try Configuration.resolve(data: "a\0") }
    }

    @Test("a file that cannot be read is named")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let binary = folder.appendingPathComponent("image.nii").path
        try Data([0xC3, 0x28, 0x00, 0x80, 0x01]).write(to: URL(fileURLWithPath: binary))
        let missing = folder.appendingPathComponent("none.yaml").path
        for (path, reason) in [
            (binary, "not a text file"), (missing, "no such file"), (folder.path, "not a readable file"),
        ] {
            expectError(Case("", path, reason)) { _ = try Configuration.resolve(file: path) }
        }
    }

    @Test("a configuration changed in code is held to the same ranges")
    func validation() throws {
        for preset in Configuration.Preset.allCases { try Configuration(preset: preset).validate() }
        var configuration = Configuration(preset: .tiny)
        configuration.width = 6
        expectError(Case("", "width to 6", "multiple of 4")) { try configuration.validate() }
        configuration.width = 8
        configuration[FedCRLDMethod.momentum] = .nan
        expectError(Case("", "momentum to nan")) { try configuration.validate() }
    }

    private func expectError(_ item: Case, sourceLocation: SourceLocation = #_sourceLocation) {
        expectError(item, sourceLocation: sourceLocation) {
            _ = try Configuration.parse(yaml: item.text, name: "c.yaml")
        }
    }

    private func expectError(
        _ item: Case, sourceLocation: SourceLocation = #_sourceLocation, from body: () throws -> Void
    ) {
        do {
            try body()
            Issue.record("no error", sourceLocation: sourceLocation)
        } catch let error as FederationError {
            #expect(error.kind == .configuration, sourceLocation: sourceLocation)
            for part in item.says {
                #expect(error.description.contains(part), "\(error)", sourceLocation: sourceLocation)
            }
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }
}
