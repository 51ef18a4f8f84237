import Files

/// One setting as it was given: a dotted name, a value and the place it stands at.
struct ConfigurationSetting: Sendable, Equatable {
    /// Where a setting was given.
    enum Place: Sendable, Equatable, CustomStringConvertible {
        case file(String, line: Int)
        /// On the command line, as `--set TEXT`, `--preset TEXT` or `--data TEXT`.
        case option(String)

        var description: String {
            switch self {
            case .file(let path, let line): "\(path), line \(line)"
            case .option(let text): text
            }
        }
    }

    var name: String
    var value: ConfigurationValue
    var place: Place

    /// The key of this setting's name.
    /// - Throws: an error that names the nearest key.
    func key() throws(FederationError) -> ConfigurationKey {
        if let key = Configuration.keys.first(where: { $0.name == name }) { return key }
        let inGroup = Configuration.keys.map(\.name).filter { $0.hasPrefix(name + ".") }
        if !inGroup.isEmpty {
            throw error(
                reason: "\(name) is a group of keys, and the value is \(value.description)",
                remedy: "set a key of it, such as \(inGroup[0])")
        }
        let nearest = EditDistance.nearest(to: name, among: Configuration.keys.map(\.name)) ?? "preset"
        throw error(
            reason: "there is no such key", remedy: "the nearest is \(nearest) (fedcrld train --help lists all keys)")
    }

    /// Puts the value into `configuration`.
    func apply(to configuration: inout Configuration) throws(FederationError) {
        let key = try key()
        do throws(ConfigurationMismatch) {
            try key.read(value, &configuration)
        } catch {
            throw self.error(
                subject: "\(name) to \(value.description)", reason: error.reason, remedy: "give \(key.accepts)")
        }
    }

    /// A configuration error about this setting.
    func error(subject: String? = nil, reason: String, remedy: String) -> FederationError {
        FederationError(
            kind: .configuration, attempted: "set", subject: "\(subject ?? name) (\(place))", reason: reason,
            remedy: remedy)
    }
}
