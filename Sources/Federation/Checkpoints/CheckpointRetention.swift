import Files
import Foundation

/// Removes checkpoints, states and snapshots of histories that are not to be kept: the newest `keep` checkpoints stay, every
/// `keep_every`-th, the best on validation cases, the last `history_depth` snapshots of each center, and whatever a kept
/// checkpoint names.
package struct CheckpointRetention {
    private let folder: RunFolder
    private let configuration: Configuration

    /// Retention as configured.
    package init(_ folder: RunFolder, _ configuration: Configuration) {
        self.folder = folder
        self.configuration = configuration
    }

    /// Prunes after `newest` has become complete. Those in the middle of a round have had their use then.
    ///
    /// This is tidying: what cannot be removed now, because somebody reads it on a network file system for example, is tried
    /// again the next time. Where a checkpoint that stays cannot be read, nothing is removed, because nobody knows what it
    /// needs.
    /// - Parameters:
    ///   - told: the centers that are not as in the checkpoint before, with the rounds in which they were last trained.
    ///   - pinned: one that stays, because states rest in it.
    ///   - outdated: what is known of the run's files from before.
    /// - Returns: what could not be done, a sentence each.
    @discardableResult
    package func prune(
        newest: Manifest, told: [String: Int] = [:], pinned: RunPosition? = nil,
        outdated: OutdatedFiles = OutdatedFiles()
    ) -> [String] {
        let positions = folder.positions
        var kept = kept(of: positions, newest: newest, pinned: pinned)
        var told = told
        if !outdated.isSurveyed {
            do {
                let rounds = try outdated.survey(folder, kept, newest: newest)
                // Of centers that were not trained since the oldest of these, nothing has become superfluous.
                let window = (configuration.checkpoint.keep + 2) * configuration.checkpoint.every
                told.merge(rounds.filter { $0.value > newest.round - window }) { $1 }
            } catch {
                return ["nothing is pruned, because a checkpoint that stays cannot be read: \(error)"]
            }
        }
        var problems: [String] = []
        func tidy(_ work: () throws(FederationError) -> Void) -> Bool {
            do { try work() } catch {
                problems.append("\(error); it is tried again after the next checkpoint")
                return false
            }
            return true
        }
        for position in positions where !kept.contains(position) {
            let isGone = tidy { () throws(FederationError) in try remove(position) }
            // One that has its name still is to be whole.
            if !isGone, FileManager.default.fileExists(atPath: folder.checkpoint(position)) { kept.insert(position) }
        }
        for name in names(folder.checkpoints) where name.hasSuffix(Self.removedSuffix) {
            _ = tidy { () throws(FederationError) in try DurableFile.remove("\(folder.checkpoints)/\(name)") }
        }
        var snapshots: [String: [String]] = [:]
        for path in outdated.unneeded(by: kept) {
            if let center = RunFolder.center(ofBank: path) {
                snapshots[center, default: []].append(path)
            } else if tidy({ () throws(FederationError) in try remove(path) }) {
                outdated.forget(path)
            }
        }
        for (center, paths) in snapshots where told[center] == nil {
            let history = history(of: center)
            for path in paths {
                // What is of the history still is looked at again when the center was trained.
                let isOver = Self.round(ofSnapshot: path).map { !history.contains($0) } ?? false
                if !isOver || tidy({ () throws(FederationError) in try remove(path) }) { outdated.forget(path) }
            }
        }
        for (center, round) in told {
            let history = history(of: center)
            for name in names("\(folder.banks)/\(center)") {
                // Later ones are written beside this, by whoever trains the center: the next checkpoint needs them.
                guard let found = Self.round(ofSnapshot: name), found < round, !history.contains(found) else {
                    continue
                }
                // The two parts of a snapshot belong together.
                let (path, whole) = ("banks/\(center)/\(name)", RunFolder.bank(center: center, round: found))
                guard !outdated.isNeeded(path, by: kept), !outdated.isNeeded(whole, by: kept) else { continue }
                if tidy({ () throws(FederationError) in try remove(path) }) {
                    outdated.forget(path)
                } else {
                    outdated.add([path])
                }
            }
        }
        return problems
    }

    /// The checkpoints that stay.
    private func kept(of positions: [RunPosition], newest: Manifest, pinned: RunPosition?) -> Set<RunPosition> {
        let policy = configuration.checkpoint
        let ends = positions.filter { $0.steps == 0 }
        var kept = Set(ends.prefix(max(1, policy.keep)))
        if policy.keepEvery > 0 { kept.formUnion(ends.filter { $0.round % policy.keepEvery == 0 }) }
        kept.insert(newest.position)
        if let pinned { kept.insert(pinned) }
        if let best = newest.selection?.best { kept.insert(RunPosition(round: best.round)) }
        kept.formUnion(CheckpointHold.positions(folder))
        return kept.intersection(positions)
    }

    /// The rounds of a center's snapshots that stay in any case.
    private func history(of center: String) -> Set<Int> {
        let rounds = Set(names("\(folder.banks)/\(center)").compactMap(Self.round(ofSnapshot:))).sorted(by: >)
        return Set(rounds.prefix(max(1, configuration.historyDepth)))
    }

    /// Removes a file, and the folder of states that held no other.
    private func remove(_ path: String) throws(FederationError) {
        try DurableFile.remove("\(folder.path)/\(path)")
        if path.hasPrefix("states/") { rmdir(Path.parent(of: "\(folder.path)/\(path)")) }
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
            let states = folder.states(since: later)
            // What was new in it goes with it.
            if FileManager.default.fileExists(atPath: states) { try DurableFile.rename(states, to: "\(aside)/states") }
        }
        for (parent, name) in [folder.states, folder.lists].flatMap({ parent in names(parent).map { (parent, $0) } }) {
            let path = "\(parent)/\(name)"
            if let found = RunFolder.position(of: String(path.dropFirst(folder.path.count + 1))), found > position {
                tidy(path)
            }
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

    /// The round of a snapshot's file, either part's, by its name or path; nil for other files.
    static func round(ofSnapshot name: String) -> Int? {
        guard name.hasSuffix(".h5"), let name = name.split(separator: "/").last else { return nil }
        return RunPosition(named: String(name.prefix { $0 != "." }))?.round
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
