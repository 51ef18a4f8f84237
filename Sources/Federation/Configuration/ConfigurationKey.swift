import FederatedLearning

/// One key of the configuration: its name, what it accepts and means, and its field.
struct ConfigurationKey: Sendable {
    /// Whether a run may be resumed with another value.
    enum OnResume: Sendable {
        /// Another value would not continue the run exactly.
        case fixed
        /// The value only decides how long, where or how observed the same computation is.
        case free
        /// Free, unless the learning rate's schedule or the method hangs on it.
        case freeUnlessCounted
    }

    /// The dotted name; the dots are the nesting in YAML.
    let name: String
    /// What is accepted, after "give".
    let accepts: String
    let documentation: String
    /// The method that declares it; nil for keys of all methods.
    let method: String?
    let onResume: OnResume
    let isVerbatim: Bool
    let read: @Sendable (ConfigurationValue, inout Configuration) throws(ConfigurationMismatch) -> Void
    let write: @Sendable (Configuration) -> ConfigurationValue

    /// A key of a field of the configuration itself.
    init<Value: Sendable>(
        _ name: String, _ field: WritableKeyPath<Configuration, Value> & Sendable, _ kind: ConfigurationKind<Value>,
        onResume: OnResume = .fixed, _ documentation: String
    ) {
        self.init(name, in: \.self, field, kind, onResume: onResume, documentation)
    }

    /// A key of a field of one of the configuration's parts.
    init<Part, Value: Sendable>(
        _ name: String, in part: WritableKeyPath<Configuration, Part> & Sendable,
        _ field: WritableKeyPath<Part, Value> & Sendable, _ kind: ConfigurationKind<Value>,
        onResume: OnResume = .fixed, _ documentation: String
    ) {
        self.name = name
        self.accepts = kind.accepts
        self.documentation = documentation
        method = nil
        self.onResume = onResume
        self.isVerbatim = kind.isVerbatim
        self.read = { value, configuration throws(ConfigurationMismatch) in
            configuration[keyPath: part][keyPath: field] = try kind.read(value)
        }
        self.write = { kind.write($0[keyPath: part][keyPath: field]) }
    }

    /// A key that a method declares.
    init(_ setting: SettingKey, of method: String) {
        let kind = ConfigurationKind<StoredSetting>.stored(setting.domain)
        name = setting.name
        accepts = kind.accepts
        documentation = setting.documentation
        self.method = method
        onResume = setting.mayChangeOnResume ? .free : .fixed
        isVerbatim = kind.isVerbatim
        read = { value, configuration throws(ConfigurationMismatch) in
            configuration.methodSettings[setting] = try kind.read(value)
        }
        write = { kind.write($0.methodSettings[setting]) }
    }

    /// Whether a run of a configuration may be resumed with another value.
    func isFree(in configuration: Configuration) -> Bool {
        switch onResume {
        case .fixed: false
        case .free: true
        case .freeUnlessCounted:
            !configuration.schedule.dependsOnRounds && !configuration.method.type.about.dependsOnRounds
        }
    }

    /// The first part of a dotted name, which is a group in YAML.
    var group: Substring? { name.firstIndex(of: ".").map { name[..<$0] } }
}
