import Tensors

extension Configuration {
    /// A key whose value differs between two configurations, with both values as YAML.
    package struct Change: Sendable, Equatable {
        /// The dotted name.
        package var key: String
        /// The value that the run was started with.
        package var old: String
        /// The value now.
        package var new: String
    }

    /// The keys whose values differ from another configuration's, in the keys' order.
    package func differences(from old: Configuration) -> [Change] { changedKeys(from: old).map(\.change) }

    private func changedKeys(from old: Configuration) -> [(key: ConfigurationKey, change: Change)] {
        Self.keys.compactMap { key in
            let change = Change(key: key.name, old: key.write(old).yaml, new: key.write(self).yaml)
            return change.old == change.new ? nil : (key, change)
        }
    }

    /// What a resumed run does otherwise than the run that it continues.
    ///
    /// Only keys that leave the computation as it is may differ: rounds, threads, where CRL runs, how often is
    /// evaluated, how many centers are in memory, checkpoints, the data's path.
    /// - Parameter old: the configuration that the run was started with.
    /// - Throws: a configuration error that names the first other key that differs, and both values.
    package func changes(
        resuming old: Configuration, attempted: String = "resume with"
    ) throws(FederationError) -> [Change] {
        let changes = changedKeys(from: old)
        if let (key, change) = changes.first(where: { !$0.key.isFree(in: old) }) {
            throw FederationError.usage(
                attempted, "\(key.name) \(change.new)",
                "the run was started with \(key.name) \(change.old), and would not continue as it began",
                "leave \(key.name) as it was, or start a new run from this one's checkpoint with --initial")
        }
        return changes.map(\.change)
    }

    /// 16 hexadecimal digits that are the same for two configurations if and only if (but for collisions of a
    /// 64-bit hash) one may continue the other's run. The same on every machine.
    ///
    /// Keys that have their default count as if they did not exist: a later version's new keys, whose defaults leave the
    /// computation as it was, do not part it from the runs of this one.
    package var fingerprint: String {
        let standard = Configuration()
        let text = Self.keys(of: method).filter { !$0.isFree(in: self) && $0.write(self) != $0.write(standard) }
            .map { "\($0.name): \($0.write(self).yaml)\n" }.sorted()
        let digits = String(RandomStream.hash(text.joined()), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
