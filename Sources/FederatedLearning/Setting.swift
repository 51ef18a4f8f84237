/// A setting that a method declares: one key of the configuration, which is there for runs of this method.
///
/// Declared once, as a constant of the method's type; its name, bounds and meaning appear by themselves in `config.yaml`,
/// `--help` and the documentation, and `settings[Self.name]` is its value.
package struct Setting<Value: SettingValue>: Sendable {
    /// What a configuration needs to know of it.
    package let key: SettingKey

    /// A setting.
    /// - Parameters:
    ///   - name: the dotted name: `"fedprox.mu"`.
    ///   - standard: its value unless it is set.
    ///   - domain: what is accepted.
    ///   - search: the values that are worth trying; nil: it is not searched for.
    ///   - mayChangeOnResume: whether results do not depend on it.
    package init(
        _ name: String, _ standard: Value, _ domain: SettingDomain, search: SearchRange? = nil,
        mayChangeOnResume: Bool = false, _ documentation: String
    ) {
        key = SettingKey(
            name: name, standard: standard.stored, domain: domain, search: search,
            mayChangeOnResume: mayChangeOnResume, documentation: documentation)
    }
}

extension Setting where Value: CaseIterable & RawRepresentable<String> {
    /// A choice among the names of an enumeration.
    package init(
        _ name: String, _ standard: Value, search: SearchRange? = nil, mayChangeOnResume: Bool = false,
        _ documentation: String
    ) {
        self.init(
            name, standard, .choice(Value.allCases.map(\.rawValue)), search: search,
            mayChangeOnResume: mayChangeOnResume, documentation)
    }
}

/// A setting as a configuration sees it, whatever its type.
package struct SettingKey: Sendable {
    /// The dotted name.
    package let name: String
    /// Its value unless it is set.
    package let standard: StoredSetting
    /// What is accepted.
    package let domain: SettingDomain
    /// The values that are worth trying; nil: it is not searched for.
    package let search: SearchRange?
    /// Whether a run may be resumed with another value.
    package let mayChangeOnResume: Bool
    /// What it means: a sentence or two.
    package let documentation: String
}

/// The values of a setting that a search tries.
package enum SearchRange: Sendable, Equatable {
    /// Numbers whose logarithm is evenly distributed.
    case logarithmic(ClosedRange<Double>)
    /// Numbers, evenly distributed.
    case even(ClosedRange<Double>)
    /// Some values, as they are written in YAML.
    case among([String])

    /// The range in words: "0.001 to 1, logarithmic".
    package var text: String {
        switch self {
        case .logarithmic(let bounds): "\(bounds.lowerBound) to \(bounds.upperBound), logarithmic"
        case .even(let bounds): "\(bounds.lowerBound) to \(bounds.upperBound)"
        case .among(let values): values.joined(separator: " or ")
        }
    }
}

/// What a setting accepts.
package enum SettingDomain: Sendable {
    /// A number within bounds.
    case number(ClosedRange<Double>)
    /// A number above the lower bound, at most the upper one.
    case numberAbove(ClosedRange<Double>)
    /// A whole number within bounds.
    case whole(ClosedRange<Int>)
    /// True or false.
    case truth
    /// One of some words.
    case choice([String])
    /// State-dict prefixes, none within another, each of which begins with one of these modules.
    case networkParts([String])
}

/// A setting's value, as configurations keep it.
package enum StoredSetting: Sendable, Equatable {
    case number(Double)
    case whole(Int)
    case truth(Bool)
    case word(String)
    case words([String])
}

/// A type that settings can have.
package protocol SettingValue: Sendable {
    /// From what a configuration keeps; nil where that is of another type.
    init?(_ stored: StoredSetting)
    /// What a configuration keeps.
    var stored: StoredSetting { get }
}

extension Double: SettingValue {
    package init?(_ stored: StoredSetting) {
        guard case .number(let value) = stored else { return nil }
        self = value
    }
    package var stored: StoredSetting { .number(self) }
}

extension Int: SettingValue {
    package init?(_ stored: StoredSetting) {
        guard case .whole(let value) = stored else { return nil }
        self = value
    }
    package var stored: StoredSetting { .whole(self) }
}

extension Bool: SettingValue {
    package init?(_ stored: StoredSetting) {
        guard case .truth(let value) = stored else { return nil }
        self = value
    }
    package var stored: StoredSetting { .truth(self) }
}

extension [String]: SettingValue {
    package init?(_ stored: StoredSetting) {
        guard case .words(let value) = stored else { return nil }
        self = value
    }
    package var stored: StoredSetting { .words(self) }
}

extension SettingValue where Self: RawRepresentable<String> {
    package init?(_ stored: StoredSetting) {
        guard case .word(let name) = stored else { return nil }
        self.init(rawValue: name)
    }
    package var stored: StoredSetting { .word(rawValue) }
}

/// The values of the settings that methods declare. What was not set has its standard value.
package struct Settings: Sendable, Equatable {
    private var values: [String: StoredSetting] = [:]

    /// Standard values.
    package init() {}

    /// The value of a setting.
    package subscript<Value>(setting: Setting<Value>) -> Value {
        get {
            guard let value = Value(self[setting.key]) ?? Value(setting.key.standard) else {
                preconditionFailure("\(setting.key.name) has a standard value of its own type")
            }
            return value
        }
        set { self[setting.key] = newValue.stored }
    }

    /// The value of a setting, whatever its type.
    package subscript(key: SettingKey) -> StoredSetting {
        get { values[key.name] ?? key.standard }
        set { values[key.name] = newValue == key.standard ? nil : newValue }
    }
}
