import CardiacMR
import FedCRLD
import Federation
import Testing

/// That the value of a key is the value where it is used, and not another key's. What a run makes of keys is seen in
/// Tests/EndToEnd/keys.py, whose table is of all keys.
@Suite("Configuration: where values go")
struct ConfigurationWiringTests {
    /// A value for each key, different from all others of its kind, and where it is to be seen.
    private static let augmentation: [(key: String, value: String, place: @Sendable (AugmentationSettings) -> String)] =
        [
            ("mirror.probability", "0.01", { "\($0.mirrorProbability)" }),
            ("rotation.probability", "0.02", { "\($0.rotation.probability)" }),
            ("scale.probability", "0.03", { "\($0.scale.probability)" }),
            ("elastic.probability", "0.04", { "\($0.elastic.probability)" }),
            ("gamma.probability", "0.05", { "\($0.gamma.probability)" }),
            ("brightness.probability", "0.06", { "\($0.brightness.probability)" }),
            ("contrast.probability", "0.07", { "\($0.contrast.probability)" }),
            ("noise.probability", "0.08", { "\($0.noise.probability)" }),
            ("blur.probability", "0.09", { "\($0.blur.probability)" }),
            ("rotation.range", "[-11, 12]", { Self.text($0.rotation.range) }),
            ("scale.range", "[0.81, 1.21]", { Self.text($0.scale.range) }),
            ("elastic.range", "[13, 14]", { Self.text($0.elastic.range) }),
            ("elastic.smoothing", "[31, 32]", { Self.text($0.elasticSmoothing) }),
            ("gamma.range", "[0.82, 1.22]", { Self.text($0.gamma.range) }),
            ("brightness.range", "[0.83, 1.23]", { Self.text($0.brightness.range) }),
            ("contrast.range", "[0.84, 1.24]", { Self.text($0.contrast.range) }),
            ("noise.range", "[0.15, 0.16]", { Self.text($0.noise.range) }),
            ("blur.range", "[0.61, 0.62]", { Self.text($0.blur.range) }),
        ]

    private static let others: [(key: String, value: String, place: @Sendable (Configuration) -> String)] = [
        ("preprocessing.spacing", "1.5", { "\($0.preprocessing.settings.spacing ?? -1)" }),
        ("preprocessing.clip_percentile", "97.5", { "\($0.preprocessing.settings.clipPercentile ?? -1)" }),
        ("preprocessing.normalize", "false", { "\($0.preprocessing.settings.normalizes)" }),
        (
            "size", "[7, 40, 48]",
            {
                "[\($0.preprocessing.settings.depth ?? -1), \($0.preprocessing.settings.height ?? -1), "
                    + "\($0.preprocessing.settings.width ?? -1)]"
            }
        ),
        ("width", "12", { "\(Self.method($0).width)" }),
        ("learning_rate", "0.017", { "\(Self.method($0).settings.learningRate)" }),
        ("momentum", "0.71", { "\(Self.method($0).settings.momentum ?? -1)" }),
        ("loss.dice", "2.5", { "\(Self.method($0).settings.weights.dice)" }),
        ("loss.cross_entropy", "3.5", { "\(Self.method($0).settings.weights.crossEntropy)" }),
        ("loss.distillation", "4.5", { "\(Self.method($0).settings.weights.distillation)" }),
        ("loss.correlation", "5.5", { "\(Self.method($0).settings.weights.correlation)" }),
        ("loss.contrast", "6.5", { "\(Self.method($0).settings.weights.contrast)" }),
    ]

    private static func method(_ configuration: Configuration) -> FedCRLDMethod {
        guard let method = try? configuration.method(heads: [3]) as? FedCRLDMethod else {
            preconditionFailure("the standard method is FedCRLD")
        }
        return method
    }

    private static func text(_ range: ClosedRange<Double>) -> String {
        func number(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
        return "[\(number(range.lowerBound)), \(number(range.upperBound))]"
    }

    @Test("every key of augmentation arrives where it belongs, all at a time")
    func augmentation() throws {
        let settings = Self.augmentation.map { "augmentation.\($0.key)=\($0.value)" }
        let found = try Configuration.resolve(settings: settings).augmentation.settings
        for entry in Self.augmentation { #expect(entry.place(found) == entry.value, "augmentation.\(entry.key)") }
        let known = Set(Self.augmentation.map { "augmentation.\($0.key)" })
        let all = Configuration.reference.map(\.name).filter { $0.hasPrefix("augmentation.") }
        #expect(known.union(["augmentation.enabled"]) == Set(all), "keys that this table does not know")
    }

    @Test("every key of images, network and step arrives where it belongs, all at a time")
    func others() throws {
        let configuration = try Configuration.resolve(settings: Self.others.map { "\($0.key)=\($0.value)" })
        for entry in Self.others { #expect(entry.place(configuration) == entry.value, "\(entry.key)") }
    }
}
