import Foundation
import Synchronization

/// Removes checkpoints and snapshots of histories that are not to be kept: the newest `keep` checkpoints stay, every
/// `keep_every`-th, the best on validation cases, the last `history_depth` snapshots of each center, and whatever a kept
/// checkpoint names.
package struct CheckpointRetention {
    private let folder: RunFolder
    private let configuration: Configuration
    private let needs: Needs

    /// What checkpoints need: the files of their manifests, which a long run need not read after each of its rounds.
    package final class Needs: Sendable {
        private let known = Mutex<(files: [RunPosition: Set<String>], hasTidiedData: Bool)>(([:], false))

        /// Nothing is known.
        package init() {}

        /// What some checkpoints need, each on its own; the others are forgotten.
        fileprivate func of(
            _ kept: [RunPosition], newest: Manifest, in folder: RunFolder
        ) throws(FederationError) -> [Set<String>] {
            let (old, isTidy) = known.withLock { ($0.files, $0.hasTidiedData) }
            // Nobody asks for records of data any more.
            func names(_ manifest: Manifest) -> Set<String> {
                Set(isTidy ? manifest.files.keys.filter { !$0.hasPrefix("data/") } : Array(manifest.files.keys))
            }
            var files: [RunPosition: Set<String>] = [newest.position: names(newest)]
            for position in kept where position != newest.position {
                if let known = old[position] {
                    files[position] = known
                } else {
                    files[position] = names(try Manifest.read(folder: folder.checkpoint(position)))
                }
            }
            known.withLock { [files] in $0.files = files }
            return Array(files.values)
        }

        /// Whether the records of data are all needed: once they were tidied, since they are written at a run's start alone.
        fileprivate var hasTidiedData: Bool {
            get { known.withLock { $0.hasTidiedData } }
            set { known.withLock { $0.hasTidiedData = newValue } }
        }
    }

    /// Retention as configured.
    /// - Parameter needs: what is known of the run's checkpoints from before.
    package init(_ folder: RunFolder, _ configuration: Configuration, _ needs: Needs = Needs()) {
        self.folder = folder
        self.configuration = configuration
        self.needs = needs
    }

    /// Prunes after `newest` has become complete. Those in the middle of a round have had their use then.
    ///
    /// This is tidying: what cannot be removed now, because somebody reads it on a network file system for example, is tried
    /// again the next time. Where a checkpoint that stays cannot be read, nothing is removed, because nobody knows what it
    /// needs.
    /// - Parameter pinned: one that stays, because states rest in it.
    /// - Returns: what could not be done, a sentence each.
    @discardableResult
    package func prune(newest: Manifest, pinned: RunPosition? = nil) -> [String] {
        let policy = configuration.checkpoint
        let positions = folder.positions
        let ends = positions.filter { $0.steps == 0 }
        var kept = Set(ends.prefix(max(1, policy.keep)))
        if policy.keepEvery > 0 { kept.formUnion(ends.filter { $0.round % policy.keepEvery == 0 }) }
        kept.insert(newest.position)
        if let pinned { kept.insert(pinned) }
        if let best = newest.selection?.best { kept.insert(RunPosition(round: best.round)) }
        kept.formUnion(CheckpointHold.positions(folder))
        let needed: [Set<String>]
        do { needed = try needs.of(kept.filter(positions.contains).sorted(), newest: newest, in: folder) } catch {
            return ["nothing is pruned, because a checkpoint that stays cannot be read: \(error)"]
        }
        func isNeeded(_ name: String) -> Bool { needed.contains { $0.contains(name) } }
        var problems: [String] = []
        func tidy(_ work: () throws(FederationError) -> Void) {
            do { try work() } catch { problems.append("\(error); it is tried again after the next checkpoint") }
        }
        for position in positions where !kept.contains(position) {
            tidy { () throws(FederationError) in try remove(position) }
        }
        for name in names(folder.checkpoints) where name.hasSuffix(Self.removedSuffix) {
            tidy { () throws(FederationError) in try DurableFile.remove("\(folder.checkpoints)/\(name)") }
        }
        // Of centers that were not trained since the oldest of these, nothing has become superfluous.
        let window = (policy.keep + 2) * policy.every
        for (center, round) in newest.trainedRounds where round > newest.round - window {
            tidy { () throws(FederationError) in try prune(bank: center, isNeeded) }
        }
        guard !needs.hasTidiedData else { return problems }
        for name in names(folder.data) where !isNeeded("data/\(name)") && !name.hasSuffix(".partial") {
            tidy { () throws(FederationError) in try DurableFile.remove("\(folder.data)/\(name)") }
        }
        needs.hasTidiedData = problems.isEmpty
        return problems
    }

    /// Removes what lies after a checkpoint, and what was half written: the rest of a run that is continued from an
    /// earlier one. Later checkpoints, which are damaged, stay as `NAME.damaged`: under their own name they would count as
    /// the newest.
    /// - Parameter warn: told what could not be removed; it does no harm.
    package func discard(after checkpoint: Manifest, warn: (String) -> Void) throws(FederationError) {
        let position = checkpoint.position
        func tidy(_ path: String) {
            do { try DurableFile.remove(path) } catch { warn("\(error)") }
        }
        for center in names(folder.banks) {
            for snapshot in names("\(folder.banks)/\(center)") {
                let isLater = Self.round(ofSnapshot: snapshot).map { $0 > position.round } ?? false
                let isNeeded = checkpoint.files["banks/\(center)/\(snapshot)"] != nil
                guard isLater && !isNeeded || snapshot.hasSuffix(".h5.partial") else { continue }
                tidy("\(folder.banks)/\(center)/\(snapshot)")
            }
        }
        for name in names(folder.checkpoints) where name.hasSuffix(".partial") || name.hasSuffix(Self.removedSuffix) {
            tidy("\(folder.checkpoints)/\(name)")
        }
        for later in folder.positions where later > position {
            let aside = folder.checkpoint(later) + ".damaged"
            try DurableFile.remove(aside)
            try DurableFile.rename(folder.checkpoint(later), to: aside)
        }
        try DurableFile.write((position.name + "\n").utf8, to: folder.latest)
        if let best = folder.best, best > position {
            tidy(folder.bestName)
            if let best = checkpoint.selection?.best { try folder.note(best: RunPosition(round: best.round)) }
        }
        tidy(folder.working)
    }

    /// Removes a checkpoint: first its name, so that a crash leaves none that is there in part.
    private func remove(_ position: RunPosition) throws(FederationError) {
        let aside = folder.checkpoint(position) + Self.removedSuffix
        try DurableFile.remove(aside)
        try DurableFile.rename(folder.checkpoint(position), to: aside)
        try DurableFile.remove(aside)
    }

    static let removedSuffix = ".removed"

    private func prune(bank center: String, _ isNeeded: (String) -> Bool) throws(FederationError) {
        let snapshots = names("\(folder.banks)/\(center)")
        let rounds = Set(snapshots.compactMap(Self.round(ofSnapshot:))).sorted(by: >)
        let history = Set(rounds.prefix(max(1, configuration.historyDepth)))
        for snapshot in snapshots {
            guard let round = Self.round(ofSnapshot: snapshot), !history.contains(round) else { continue }
            // The two parts of a snapshot belong together.
            let part = RunFolder.bank(center: center, round: round)
            guard !isNeeded("banks/\(center)/\(snapshot)"), !isNeeded(part) else { continue }
            try DurableFile.remove("\(folder.banks)/\(center)/\(snapshot)")
        }
    }

    /// The round of a snapshot's file, either part's; nil for other files.
    static func round(ofSnapshot name: String) -> Int? {
        guard name.hasSuffix(".h5") else { return nil }
        return RunPosition(named: String(name.prefix { $0 != "." }))?.round
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
