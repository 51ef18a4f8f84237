import Foundation

/// Removes checkpoints and bank snapshots that are not to be kept: the newest `keep` checkpoints stay, every
/// `keep_every`-th, the last `history_depth` snapshots of each bank, and whatever a kept checkpoint names.
package struct CheckpointRetention {
    private let folder: RunFolder
    private let configuration: Configuration

    /// Retention as configured.
    package init(_ folder: RunFolder, _ configuration: Configuration) {
        self.folder = folder
        self.configuration = configuration
    }

    /// Prunes after `newest` has become complete.
    package func prune(newest: Manifest) throws(FederationError) {
        let policy = configuration.checkpoint
        let rounds = folder.rounds
        var kept: Set<Int> = Set(rounds.prefix(max(1, policy.keep)))
        if policy.keepEvery > 0 { kept.formUnion(rounds.filter { $0 % policy.keepEvery == 0 }) }
        for round in rounds where !kept.contains(round) { try DurableFile.remove(folder.checkpoint(round)) }
        var needed: Set<String> = Set(newest.files.keys)
        for round in kept where round != newest.round {
            if let manifest = try? Manifest.read(folder: folder.checkpoint(round)) {
                needed.formUnion(manifest.files.keys)
            }
        }
        for center in newest.banks.keys { try prune(bank: center, needed: needed) }
    }

    /// Removes what lies after a round, and what was half written: the rest of a run that is continued from an earlier
    /// checkpoint. Later checkpoints, which are damaged, stay as `round-N.damaged`: under their own name they would count
    /// as the newest.
    package func discard(after round: Int) throws(FederationError) {
        for center in names(folder.banks) {
            for snapshot in names("\(folder.banks)/\(center)") {
                let isLater = Self.round(ofSnapshot: snapshot).map { $0 > round } ?? false
                guard isLater || snapshot.hasSuffix(".h5.partial") else { continue }
                try DurableFile.remove("\(folder.banks)/\(center)/\(snapshot)")
            }
        }
        for name in names(folder.checkpoints) where name.hasSuffix(".partial") {
            try DurableFile.remove("\(folder.checkpoints)/\(name)")
        }
        for later in folder.rounds where later > round {
            let aside = folder.checkpoint(later) + ".damaged"
            try DurableFile.remove(aside)
            try DurableFile.rename(folder.checkpoint(later), to: aside)
        }
        try DurableFile.write((RunFolder.name(round: round) + "\n").utf8, to: folder.latest)
        try DurableFile.remove(folder.working)
    }

    private func prune(bank center: String, needed: Set<String>) throws(FederationError) {
        let snapshots = names("\(folder.banks)/\(center)")
        let rounds = Set(snapshots.compactMap(Self.round(ofSnapshot:))).sorted(by: >)
        let history = Set(rounds.prefix(max(1, configuration.historyDepth)))
        for snapshot in snapshots {
            guard let round = Self.round(ofSnapshot: snapshot), !history.contains(round) else { continue }
            // The two parts of a snapshot belong together.
            let part = RunFolder.bank(center: center, round: round)
            guard !needed.contains("banks/\(center)/\(snapshot)"), !needed.contains(part) else { continue }
            try DurableFile.remove("\(folder.banks)/\(center)/\(snapshot)")
        }
    }

    /// The round of a snapshot's file, either part's; nil for other files.
    static func round(ofSnapshot name: String) -> Int? {
        guard name.hasSuffix(".h5") else { return nil }
        return RunFolder.round(named: String(name.prefix { $0 != "." }))
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
