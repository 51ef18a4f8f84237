import Files
import Foundation
import Yams

/// From the YAML of a file, or of the value of one `--set`, to a list of settings in their order.
enum ConfigurationReader {
    /// The settings of a YAML file.
    static func settings(file path: String) throws(FederationError) -> [ConfigurationSetting] {
        func unreadable(_ reason: String, _ remedy: String) -> FederationError {
            FederationError(
                kind: .configuration, attempted: "read", subject: "configuration \(path)", reason: reason,
                remedy: remedy)
        }
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw unreadable(
                FileManager.default.fileExists(atPath: path) ? "it is not a readable file" : "there is no such file",
                "check the path and its permissions")
        }
        let text = bytes.count <= 1 << 20 ? TextFile.decode([UInt8](bytes)) : "\0"
        // What is no text is taken for Latin-1, whose control characters no text has.
        guard
            text.unicodeScalars.allSatisfy({
                $0.properties.generalCategory != .control || "\t\r\n".unicodeScalars.contains($0)
            })
        else { throw unreadable("it is not a text file of at most 1 MiB", "give a YAML file") }
        return try settings(yaml: text, name: path)
    }

    /// The settings of a YAML text; `name` stands for it in errors.
    static func settings(yaml: String, name: String) throws(FederationError) -> [ConfigurationSetting] {
        guard let root = try compose(yaml, subject: "configuration \(name)", place: { "line \($0)" }) else { return [] }
        if case .scalar(let scalar) = root, scalar.style == .plain, ConfigurationValue.isNull(scalar.string) {
            return []
        }
        guard case .mapping = root else {
            throw FederationError(
                kind: .configuration, attempted: "read", subject: "configuration \(name), line \(root.mark?.line ?? 1)",
                reason: "it does not consist of keys with values", remedy: "write lines such as \"rounds: 30\"")
        }
        var settings: [ConfigurationSetting] = []
        try flatten(root, under: nil, at: nil, into: &settings) { .file(name, line: $0?.line ?? 1) }
        return settings
    }

    /// The settings of one `--set key=value`. The value is YAML; a group takes a mapping, `loss={dice: 2}`.
    static func settings(option text: String) throws(FederationError) -> [ConfigurationSetting] {
        let place = ConfigurationSetting.Place.option("--set \(text)")
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw FederationError(
                kind: .configuration, attempted: "read", subject: "--set \(text)", reason: "it is not key=value",
                remedy: "write it like --set rounds=30")
        }
        let name = text[..<equals].trimmingCharacters(in: .whitespaces)
        let value = String(text[text.index(after: equals)...])
        if Configuration.keys.contains(where: { $0.name == name && $0.isVerbatim }) {
            // Quotes that a shell has left, and nothing between them.
            guard !["", "\"\"", "''"].contains(value.trimmingCharacters(in: .whitespaces)) else {
                return [ConfigurationSetting(name: name, value: .quoted(""), place: place)]
            }
            return [ConfigurationSetting(name: name, value: .plain(value), place: place)]
        }
        let node = try compose(value, subject: "--set \(text)") { _ in "the value" }
        var settings: [ConfigurationSetting] = []
        guard let node else { return [ConfigurationSetting(name: name, value: .plain(""), place: place)] }
        try flatten(node, under: name, at: nil, into: &settings) { _ in place }
        return settings
    }

    /// The one YAML document in `text`; nil where it is empty.
    private static func compose(
        _ text: String, subject: String, place: (_ line: Int) -> String
    ) throws(FederationError) -> Node? {
        do { return try Yams.compose(yaml: text) } catch {
            var line: Int?
            var reason = "it is not YAML"
            switch error as? YamlError {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                line = mark.line
                reason = problem
            case .duplicatedKeysInMapping(let keys, let context):
                line = context.mark.line
                reason = "\(keys.joined(separator: ", ")) is given more than once"
            case .reader(let problem, let offset, _, let yaml):
                line = offset.map { 1 + yaml.prefix($0).count(where: \.isNewline) }
                reason = problem
            default: break
            }
            throw FederationError(
                kind: .configuration, attempted: "read", subject: subject,
                reason: (line.map { place($0) + ": " } ?? "") + reason, remedy: "correct the YAML there")
        }
    }

    /// Appends the settings of a node: a mapping's keys join to dotted names. A name given twice is an error.
    private static func flatten(
        _ node: Node, under name: String?, at mark: Mark?, into settings: inout [ConfigurationSetting],
        place: (Mark?) -> ConfigurationSetting.Place
    ) throws(FederationError) {
        guard case .mapping(let mapping) = node, name.map(isGroup) ?? true else {
            let setting = ConfigurationSetting(name: name ?? "", value: value(of: node), place: place(mark))
            return settings.append(setting)
        }
        for (key, child) in mapping {
            let part = key.scalar?.string ?? value(of: key).description
            let full = name.map { "\($0).\(part)" } ?? part
            let first = settings.count
            try flatten(child, under: full, at: key.mark, into: &settings, place: place)
            for index in first..<settings.count {
                guard let other = settings[..<first].first(where: { $0.name == settings[index].name }) else { continue }
                throw settings[index].error(
                    reason: "it is given more than once, first at \(other.place)", remedy: "leave one of them")
            }
        }
    }

    /// Whether keys live under this name. Below an unknown name there is nothing to look for.
    private static func isGroup(_ name: String) -> Bool {
        Configuration.keys.contains { $0.name.hasPrefix(name + ".") }
    }

    private static func value(of node: Node) -> ConfigurationValue {
        switch node {
        case .scalar(let scalar): scalar.style == .plain ? .plain(scalar.string) : .quoted(scalar.string)
        case .sequence(let sequence): .list(sequence.map(value))
        case .mapping, .alias: .group
        }
    }
}
