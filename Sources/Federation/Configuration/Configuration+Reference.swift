extension Configuration {
    /// A key as documentation shows it.
    package struct KeyReference: Sendable, Equatable {
        /// The dotted name.
        package var name: String
        /// What the key means.
        package var documentation: String
        /// What is accepted: `"a whole number from 1 to 10000"`.
        package var accepts: String
        /// The value in each preset, as YAML, in the order of `Preset.allCases`.
        package var values: [String]
        /// The method that declares it; nil for keys of all methods.
        package var method: String?
        /// Whether a run may be resumed with another value.
        package var mayChangeOnResume: Bool
    }

    /// Every key, in the order of `config.yaml`.
    package static var reference: [KeyReference] {
        let presets = Preset.allCases.map(Configuration.init(preset:))
        return keys.map { key in
            KeyReference(
                name: key.name,
                documentation: key.documentation + (key.method.map { " Of method \($0)." } ?? ""), accepts: key.accepts,
                values: presets.map { key.write($0).yaml }, method: key.method,
                mayChangeOnResume: key.onResume != .fixed
            )
        }
    }

    /// All keys for a terminal: name and values, with what they mean below.
    package static func helpText(width: Int = 80) -> String {
        let names = Preset.allCases.map(\.rawValue).joined(separator: " | ")
        let entries = reference.map { key in
            let values = Set(key.values).count == 1 ? key.values[0] : key.values.joined(separator: " | ")
            let text = key.documentation + " Takes " + key.accepts + "." + (key.mayChangeOnResume ? " *" : "")
            let head = key.name == "preset" ? key.name : "\(key.name): \(values)"
            return ([head] + wrap(text, width: max(20, width - 6)).map { "      " + $0 }).joined(separator: "\n")
        }
        return """
            Keys of the configuration, with their values; \(names) where the presets differ.
            Those with * may be changed when a run is resumed.

            \(entries.joined(separator: "\n"))

            """
    }

    /// All keys as a Markdown table, for the documentation.
    package static var markdownTable: String {
        let presets = Preset.allCases.map(\.rawValue)
        var lines = ["| key | \(presets.joined(separator: " / ")) | accepts | meaning |", "| --- | --- | --- | --- |"]
        for key in reference {
            let distinct = key.name == "preset" || Set(key.values).count == 1 ? [key.values[0]] : key.values
            let values = key.name == "preset" ? "" : distinct.map { "`\($0)`" }.joined(separator: " / ")
            lines.append("| `\(key.name)` | \(values) | \(key.accepts) | \(key.documentation) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
