import Foundation

extension Configuration {
    /// The whole configuration as YAML, each key of its method below its documentation. `parse` reads it back, equal.
    package var yaml: String {
        var lines = ["# The configuration of a fedcrld run: every key and its value."]
        var open: [Substring] = []
        for key in Self.keys(of: method) {
            let parts = key.name.split(separator: ".")
            let groups = parts.dropLast()
            if open != Array(groups) {
                let shared = zip(open, groups).prefix { $0 == $1 }.count
                for depth in shared..<groups.count { lines += ["", Self.indent(depth) + "\(groups[depth]):"] }
                open = Array(groups)
            } else {
                lines.append("")
            }
            let indent = Self.indent(groups.count)
            let comment = key.documentation + " (" + key.accepts + ")"
            lines += Self.wrap(comment, width: 98 - indent.count).map { indent + "# " + $0 }
            lines.append(indent + "\(parts[parts.count - 1]): \(key.write(self).yaml)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The value of a key as one line of YAML; nil for a name that is no key.
    package func value(of name: String) -> String? { Self.keys.first { $0.name == name }?.write(self).yaml }

    private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    /// `text` in lines of at most `width` characters, broken at spaces; a longer word has a line of its own.
    static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
