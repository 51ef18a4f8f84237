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
    /// State-dict prefixes of the client network, none within another.
    static var networkParts: ConfigurationKind {
        let modules = ["global_encoder", "local_encoder", "relocalization", "decoder"]
        return ConfigurationKind(
            accepts: "a list of state-dict prefixes that begin with " + modules.joined(separator: ", "),
            read: { value throws(ConfigurationMismatch) in
                guard case .list(let elements) = value, !elements.isEmpty else {
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
