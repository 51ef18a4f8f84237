#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Which file a path leads to: device and inode, the same for every name, link or spelling of one file.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let node: UInt64

    /// The file or folder at a path, links followed; nil where there is none.
    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        node = UInt64(status.st_ino)
    }

    /// Two paths of one file.
    package struct Collision: Equatable, Sendable {
        /// The output.
        package let output: String
        /// The input, or another output.
        package let other: String
        /// Whether the other is an input.
        package let isInput: Bool
    }

    /// The first of the outputs that is one of the inputs, or another output, under whatever name; nil where all differ.
    /// - Parameters:
    ///   - outputs: paths of files that are about to be written, or replaced.
    ///   - inputs: paths of files that are about to be read.
    package static func collision(outputs: [String], inputs: [String]) -> Collision? {
        let isInput = Set(inputs.compactMap(FileIdentity.init))
        var known: [FileIdentity: String] = [:]
        for input in inputs { if let file = FileIdentity(input) { known[file] = known[file] ?? input } }
        var names: [String: String] = [:]
        for output in outputs {
            if let file = FileIdentity(output) {
                if let other = known.updateValue(output, forKey: file) {
                    return Collision(output: output, other: other, isInput: isInput.contains(file))
                }
            } else if let folder = FileIdentity(Path.parent(of: output)) {
                // Not there yet: told apart by folder and name.
                let name = "\(folder.device)/\(folder.node)/\(Path.name(of: output))"
                if let other = names.updateValue(output, forKey: name) {
                    return Collision(output: output, other: other, isInput: false)
                }
            }
        }
        return nil
    }
}
