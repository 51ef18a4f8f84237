import Testing

import Federation

@Suite("Configuration: output, resuming, reference")
struct ConfigurationOutputTests {
    @Test("the resolved YAML reads back equal", arguments: Configuration.Preset.allCases)
    func roundTrip(_ preset: Configuration.Preset) throws {
        let configuration = Configuration(preset: preset)
        #expect(try Configuration.parse(yaml: configuration.yaml, name: "config.yaml") == configuration)
    }

    @Test(
        "any path survives the resolved YAML",
        arguments: [
            "/data", "relative/path", "null", "~", "true", "12", "1e3", "a b", "a: b", "#a", "\"quoted\" \\ 'it'",
            "tab\tnew\nline\r", "心臓/データ", "é\u{301}", "\u{7}\u{85}\u{2028}", "-", "- a", "@a", "a\u{FEFF}", "off",
            "{a}", "🫀",
        ])
    func paths(_ path: String) throws {
        var configuration = Configuration(preset: .tiny)
        configuration.data = path
        let read = try Configuration.parse(yaml: configuration.yaml, name: "config.yaml").data
        #expect(read.map { Array($0.utf8) } == Array(path.utf8))
    }

    @Test(
        "any number survives the resolved YAML",
        arguments: [1e-300, 0.1, 1.0 / 3, 1e-5, 1.5e-7, 0.30000000000000004])
    func numbers(_ number: Double) throws {
        var configuration = Configuration(preset: .tiny)
        configuration.learningRate = number
        #expect(try Configuration.parse(yaml: configuration.yaml, name: "config.yaml").learningRate == number)
    }

    @Test("the resolved YAML nests the keys and documents each")
    func layout() {
        let yaml = Configuration(preset: .tiny).yaml
        let rounds = "rounds: \(Configuration(preset: .tiny).rounds)"
        #expect(yaml.contains("\n# Federated rounds in all. (a whole number from 1 to 1000000)\n\(rounds)\n"))
        #expect(yaml.contains("\ncrl:\n  # Whether there is a relocalization"))
        #expect(yaml.contains("\n  # Where contrastive re-localization runs"))
        #expect(yaml.contains("\n  placement: root\n"))
        #expect(yaml.contains("\n  rotation:\n    # "))
        #expect(yaml.split(separator: "\n").allSatisfy { $0.count <= 100 })
        for group in ["crl:", "loss:", "augmentation:"] {
            #expect(yaml.split(separator: "\n").count { $0 == group } == 1)
        }
    }

    @Test("every stored value has exactly one key")
    func complete() {
        func leaves(_ value: Any) -> Int {
            let mirror = Mirror(reflecting: value)
            let isWhole =
                value is ClosedRange<Double> || value is Configuration.Method
            guard mirror.displayStyle == .struct, !isWhole, !mirror.children.isEmpty else { return 1 }
            return mirror.children.reduce(0) { $0 + leaves($1.value) }
        }
        // What methods declare is stored together, and a volume's size is three values.
        let declared = Configuration.reference.count { $0.method != nil }
        #expect(leaves(Configuration()) == Configuration.reference.count - declared + 1 + 2)
        #expect(Set(Configuration.reference.map(\.name)).count == Configuration.reference.count)
    }

    @Test(
        "a run may be resumed with other values of what does not change the computation",
        arguments: [
            "rounds=99", "threads=7", "crl.placement=client", "evaluate_every=0", "resident_centers=1",
            "checkpoint.every=3", "checkpoint.keep=5", "checkpoint.keep_every=10", "data=/elsewhere",
        ])
    func freeKeys(_ setting: String) throws {
        let old = Configuration(preset: .small)
        let new = try old.applying(settings: [setting])
        let key = String(setting.prefix { $0 != "=" })
        #expect(try new.changes(resuming: old).map(\.key) == [key])
        #expect(new.fingerprint == old.fingerprint)
    }

    @Test(
        "rounds stay as they are where the learning rate's schedule hangs on them", arguments: ["polynomial", "cosine"])
    func scheduled(_ course: String) throws {
        let old = try Configuration.resolve(settings: ["schedule=\(course)", "rounds=10"])
        let new = try old.applying(settings: ["rounds=11"])
        let error = #expect(throws: FederationError.self) { try new.changes(resuming: old) }
        #expect(error?.description.contains("rounds") == true)
        #expect(new.fingerprint != old.fingerprint)
        let warming = try Configuration.resolve(settings: ["warmup_rounds=2"])
        #expect(try warming.applying(settings: ["rounds=11"]).fingerprint == warming.fingerprint)
    }

    @Test(
        "a run is not resumed with another value of what changes the computation",
        arguments: [
            "seed=2", "width=12", "size=8x64x64", "learning_rate=0.5", "local_epochs=9", "momentum=0.9",
            "participation=0.5", "history_depth=6", "crl.attention_scale=sqrt_d", "loss.dice=3",
            "aggregation.weights=volumes", "aggregation.parts=[decoder]", "preprocessing.spacing=2",
            "augmentation.enabled=true", "augmentation.scale.range=[1, 1]", "preset=paper",
        ])
    func fixedKeys(_ setting: String) throws {
        let old = Configuration(preset: .tiny)
        let new = try old.applying(settings: [setting])
        let key = String(setting.prefix { $0 != "=" })
        #expect(new.fingerprint != old.fingerprint)
        let error = #expect(throws: FederationError.self) { _ = try new.changes(resuming: old) }
        let message = try #require(error).description
        for part in try [key, #require(old.value(of: key)), #require(new.value(of: key))] {
            #expect(message.contains(part))
        }
        #expect(error?.kind == .configuration)
    }

    @Test("an unchanged configuration changes nothing, and its fingerprint is 16 hexadecimal digits")
    func unchanged() throws {
        let configuration = Configuration(preset: .paper)
        let changes = try configuration.changes(resuming: configuration)
        #expect(changes.isEmpty)
        #expect(configuration.fingerprint.count == 16)
        #expect(configuration.fingerprint.allSatisfy { $0.isHexDigit })
    }

    @Test("the help names every key, and the Markdown table has a row for each")
    func reference() {
        let help = Configuration.helpText(width: 80)
        let table = Configuration.markdownTable
        for key in Configuration.reference {
            #expect(help.contains("\n\(key.name)"))
            #expect(table.contains("| `\(key.name)` |"))
        }
        #expect(help.contains("\nwidth: 8 | 16 | 32\n"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }
}
