import Foundation

/// A setting as YAML holds it, before its key says what it should be.
enum ConfigurationValue: Sendable, Equatable {
    /// An unquoted scalar: a number, a word, true, null.
    case plain(String)
    /// A quoted scalar: text, whatever it looks like.
    case quoted(String)
    case list([ConfigurationValue])
    case group

    /// What an error message calls it.
    var description: String {
        switch self {
        case .plain(let text) where Self.isNull(text): "nothing"
        case .plain(let text): text
        case .quoted(let text): "\"\(text)\""
        case .list(let elements): "[" + elements.map(\.description).joined(separator: ", ") + "]"
        case .group: "a group of keys"
        }
    }

    /// Whether YAML reads the unquoted `text` as null.
    static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

    /// A text, quoted where YAML would read the bare word as something else.
    static func text(_ text: String) -> ConfigurationValue { isBareText(text) ? .plain(text) : .quoted(text) }

    /// A number, written so that it reads back to the same bits here and as a number in PyYAML, for which an
    /// exponent without a decimal point is text.
    static func number(_ value: Double) -> ConfigurationValue {
        let text = value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(describing: value)
        guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return .plain(text) }
        return .plain(text[..<exponent] + ".0" + text[exponent...])
    }

    /// One line of YAML.
    var yaml: String {
        switch self {
        case .plain(let text): text
        case .quoted(let text): Self.quote(text)
        case .list(let elements): "[" + elements.map(\.yaml).joined(separator: ", ") + "]"
        case .group: "{}"
        }
    }

    private static func isBareText(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, text.unicodeScalars.allSatisfy(bareCharacters.contains) else {
            return false
        }
        let words = ["true", "false", "yes", "no", "on", "off", "y", "n"]
        return bareBeginnings.contains(first) && !isNull(text) && !words.contains(text.lowercased())
            && Double(text) == nil
    }

    private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
    private static let bareBeginnings = CharacterSet(charactersIn: letters + "/")
    private static let bareCharacters = CharacterSet(charactersIn: letters + "0123456789/.-+")

    /// A double-quoted YAML scalar. Control characters are escaped; everything else is itself.
    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\u{0}"..<" ", "\u{7F}"..."\u{9F}": quoted += String(format: "\\x%02X", scalar.value)
            case "\u{2028}", "\u{2029}", "\u{FEFF}": quoted += String(format: "\\u%04X", scalar.value)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
