import FederatedLearning
import Files
import Foundation

/// Puts a center back to an earlier round of its history.
///
/// The newest checkpoint gets a new version in which what the history keeps and what it started as a copy of (a momentum
/// bank and the network) both are the snapshot, and all else, such as the optimizers, starts anew: their moments belong to
/// the steps that are taken back. All other centers stay as they are. Where
/// the run was stopped in the middle of a round, the center begins its part of that round again.
package struct Rollback {
    private let run: RunAccess
    private let lease: RunLease

    /// A rollback in a run's newest checkpoint.
    package init(_ path: String) throws(FederationError) {
        // Where there is no run, nothing is written.
        if !FileManager.default.fileExists(atPath: RunFolder(path).configuration) { _ = try RunAccess(path) }
        lease = try RunLease(RunFolder(path))
        try DurableFile.undoReplacements(in: RunFolder(path).checkpoints)
        run = try RunAccess(path, inRound: true)
        run.configuration.access.apply()
    }

    /// The rounds that a center can be put back to, newest first.
    package func rounds(of center: String) -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(run.folder.banks)/\(center)")) ?? []
        return Set(names.compactMap(CheckpointRetention.round(ofSnapshot:))).sorted(by: >)
    }

    /// Puts `center` back to `round`. Returns the position of the new version of the checkpoint, which has fewer steps than
    /// before where the center had made some of a round.
    package func apply(center: String, to round: Int) throws -> RunPosition {
        guard rounds(of: center).contains(round) else {
            let known = rounds(of: center).map(String.init).joined(separator: ", ")
            throw FederationError(
                kind: .configuration, attempted: "put center", subject: "\(center) back to round \(round)",
                reason: known.isEmpty ? "its bank has no snapshots" : "its bank has snapshots of rounds \(known)",
                remedy: known.isEmpty
                    ? "choose one of the centers \(run.participants.joined(separator: ", "))" : "choose one of these")
        }
        let old = try run.state(of: center)
        let method = try run.method(of: old)
        let state = method.state(of: center, seed: run.configuration.seed)
        try files(method).readHistory(RunFolder.bank(center: center, round: round), into: state, method)
        state.trainedRound = round
        for variable in state.variables where variable.rest == .history {
            guard case .copy(let original) = variable.start else { continue }
            state[original, variable.part].assign(state[variable.name, variable.part])
        }
        return try replace(state, method)
    }

    /// The files of a center whole, whoever holds its parts while it trains.
    private func files(_ method: any FederatedMethod) -> CenterFiles {
        CenterFiles(run.folder, parts: method.parts, seed: run.configuration.seed)
    }

    /// What the new version lists of all but a center. What is in the folder that goes, and states that were new in a checkpoint
    /// that will come after this one, get names in its own folder.
    private func filesOfOthers(
        than center: String, in partial: String, of new: RunPosition
    ) throws -> [String: DurableFile.Fingerprint] {
        let prefix = "checkpoints/\(run.manifest.position.name)/"
        var listed: [String: DurableFile.Fingerprint] = [:]
        for (path, fingerprint) in run.manifest.files
        where run.manifest.center(ofFile: path) != center && !path.hasPrefix("lists/") {
            let isLater = path.hasPrefix("states/") && RunFolder.position(of: path) ?? new > new
            guard isLater || path.hasPrefix(prefix) else {
                listed[path] = fingerprint
                continue
            }
            let name = isLater ? "centers/\(Path.name(of: path))" : String(path.dropFirst(prefix.count))
            try DurableFile.share("\(run.folder.path)/\(path)", as: "\(partial)/\(name)")
            listed["checkpoints/\(new.name)/\(name)"] = fingerprint
        }
        return listed
    }

    private func replace(
        _ state: CenterState, _ method: any FederatedMethod
    ) throws -> RunPosition {
        var manifest = run.manifest
        let old = manifest.position
        manifest.progress?.centers[state.center] = nil
        if manifest.progress?.steps == 0 { manifest.progress = nil }
        let new = manifest.position
        let (complete, partial) = (run.folder.checkpoint(old), run.folder.partialCheckpoint(new))
        try DurableFile.remove(partial)
        try DurableFile.makeFolder(partial + "/centers")
        // In the checkpoint's folder: where other states are, there may be one of the same round.
        let own = "centers/\(StatePart.center.fileName(state.center))"
        manifest.files = try filesOfOthers(than: state.center, in: partial, of: new)
        let file = try files(method).staged(.state, state, method, at: "\(partial)/\(own)")
        manifest.trainedRounds[state.center] = state.trainedRound
        manifest.files["checkpoints/\(new.name)/\(own)"] = try file.write()
        for part in method.parts {
            let bank = RunFolder.bank(center: state.center, round: state.trainedRound, part: part)
            guard FileManager.default.fileExists(atPath: "\(run.folder.path)/\(bank)") else { continue }
            manifest.files[bank] = try DurableFile.fingerprint("\(run.folder.path)/\(bank)")
        }
        try manifest.write(to: partial)
        try DurableFile.synchronize(partial + "/centers")
        try DurableFile.synchronize(partial)
        try DurableFile.replaceFolder(run.folder.checkpoint(new), by: partial)
        if new != old {
            // Until it is gone, the old one is the newest, and nothing has been put back.
            try DurableFile.rename(complete, to: complete + CheckpointRetention.removedSuffix)
            try DurableFile.remove(complete + CheckpointRetention.removedSuffix)
        }
        try DurableFile.write((new.name + "\n").utf8, to: run.folder.latest)
        return new
    }
}
