import FederatedLearning
import Files

extension ConfigurationKind<Configuration.VolumeSize> {
    /// `[height, width]`, `[depth, height, width]` or the same as `8x96x96`.
    static var volumeSize: ConfigurationKind {
        let depths = 1...1024
        // Three poolings by 2 must leave a pixel.
        let sides = 8...4096
        return ConfigurationKind(
            accepts: "[height, width] or [depth, height, width] in voxels: \(sides.lowerBound) to "
                + "\(sides.upperBound) in the plane, \(depths.lowerBound) to \(depths.upperBound) slices",
            read: { value throws(ConfigurationMismatch) in
                var elements: [ConfigurationValue] = []
                switch value {
                case .list(let list): elements = list
                case .plain(let text), .quoted(let text):
                    elements = text.split(separator: "x", omittingEmptySubsequences: false).map { .plain(String($0)) }
                case .group: break
                }
                guard elements.count == 2 || elements.count == 3 else {
                    throw ConfigurationMismatch(reason: "the value is not two or three numbers")
                }
                var extents: [Int] = []
                for element in elements { extents.append(try wholeNumber(element)) }
                let plane = extents.suffix(2)
                guard plane.allSatisfy(sides.contains), extents.dropLast(2).allSatisfy(depths.contains) else {
                    throw .outOfRange
                }
                return Configuration.VolumeSize(
                    depth: extents.dropLast(2).first, height: extents[extents.count - 2],
                    width: extents[extents.count - 1])
            },
            write: { size in
                .list(([size.depth].compactMap { $0 } + [size.height, size.width]).map { .plain(String($0)) })
            })
    }
}

extension ConfigurationKind<[String]> {
    /// Some names, none twice.
    static var names: ConfigurationKind {
        ConfigurationKind(
            accepts: "a list of names",
            read: { value throws(ConfigurationMismatch) in
                guard case .list(let elements) = value else {
                    throw ConfigurationMismatch(reason: "the value is not a list of names")
                }
                var names: [String] = []
                for element in elements {
                    guard let name = scalar(element), !name.isEmpty else {
                        throw ConfigurationMismatch(reason: "\(element.description) is not a name")
                    }
                    guard !names.contains(name) else { throw ConfigurationMismatch(reason: "\(name) is there twice") }
                    names.append(name)
                }
                return names
            },
            write: { .list($0.map(ConfigurationValue.text)) })
    }

    /// State-dict prefixes of a network of some modules, none within another.
    static func networkParts(_ modules: [String]) -> ConfigurationKind {
        ConfigurationKind(
            accepts: "a list of state-dict prefixes that begin with " + modules.joined(separator: ", "),
            read: { value throws(ConfigurationMismatch) in
                guard case .list(let elements) = value else {
                    throw ConfigurationMismatch(reason: "the value is not a list of names")
                }
                var parts: [[Substring]] = []
                for element in elements {
                    guard let name = scalar(element) else {
                        throw ConfigurationMismatch(reason: "\(element.description) is not a name")
                    }
                    let part = name.split(separator: ".", omittingEmptySubsequences: false)
                    guard modules.contains(String(part[0])), !part.contains("") else {
                        let nearest = EditDistance.nearest(to: String(part[0]), among: modules) ?? modules[0]
                        throw ConfigurationMismatch(
                            reason: "the network has no part \(element.description) (the nearest is \(nearest))")
                    }
                    if let other = parts.first(where: { $0.starts(with: part) || part.starts(with: $0) }) {
                        throw ConfigurationMismatch(
                            reason: "\(name) and \(other.joined(separator: ".")) name the same parameters")
                    }
                    parts.append(part)
                }
                return parts.map { $0.joined(separator: ".") }
            },
            write: { .list($0.map(ConfigurationValue.text)) })
    }
}

extension ConfigurationKind<StoredSetting> {
    /// What a method's setting accepts.
    static func stored(_ domain: SettingDomain) -> ConfigurationKind {
        switch domain {
        case .number(let range): wrapping(.number(range))
        case .numberAbove(let range): wrapping(.number(range, excludingLowest: true))
        case .whole(let range): wrapping(.whole(range))
        case .truth: wrapping(.truth)
        case .choice(let words):
            wrapping(.word(of: words)) {
                .word($0)
            } unwrap: { value in
                if case .word(let word) = value { word } else { nil }
            }
        case .networkParts(let modules): wrapping(.networkParts(modules))
        }
    }

    private static func wrapping<Inner: SettingValue>(_ kind: ConfigurationKind<Inner>) -> ConfigurationKind {
        wrapping(kind) {
            $0.stored
        } unwrap: {
            Inner($0)
        }
    }

    private static func wrapping<Inner>(
        _ kind: ConfigurationKind<Inner>, wrap: @escaping @Sendable (Inner) -> StoredSetting,
        unwrap: @escaping @Sendable (StoredSetting) -> Inner?
    ) -> ConfigurationKind {
        ConfigurationKind(
            accepts: kind.accepts, isVerbatim: kind.isVerbatim,
            read: { value throws(ConfigurationMismatch) in wrap(try kind.read(value)) },
            write: { stored in
                guard let value = unwrap(stored) else { preconditionFailure("a setting keeps values of its own type") }
                return kind.write(value)
            })
    }
}

extension ConfigurationKind<String> {
    /// One of some words.
    static func word(of words: [String]) -> ConfigurationKind {
        ConfigurationKind(
            accepts: words.count == 1 ? words[0] : "one of " + words.joined(separator: ", "),
            read: { value throws(ConfigurationMismatch) in
                guard let word = scalar(value) else { throw ConfigurationMismatch(reason: "the value is not a word") }
                guard words.contains(word) else {
                    let nearest = EditDistance.nearest(to: word, among: words)
                    throw ConfigurationMismatch(
                        reason: "there is no such choice" + (nearest.map { " (the nearest is \($0))" } ?? ""))
                }
                return word
            },
            // Words such as none need no quotes, and every choice is such a word.
            write: { .plain($0) })
    }
}
