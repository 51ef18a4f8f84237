import Foundation
import Synchronization

/// Files of a run that its newest checkpoint does not need any more, but earlier ones perhaps.
///
/// Each is needed by the checkpoints from the one that its name tells up to the one that did without it, so that nobody has to
/// know what all of them list. Only a job's first look at the run reads the manifests of those that stay.
package final class OutdatedFiles: Sendable {
    private struct Known {
        /// The first checkpoint that did without a file, by its path relative to the run.
        var until: [String: RunPosition] = [:]
        var isSurveyed = false
    }
    private let known = Mutex(Known())

    /// Nothing is known.
    package init() {}

    /// Whether the run's files were looked at.
    var isSurveyed: Bool { known.withLock { $0.isSurveyed } }

    /// Adds what a new checkpoint does without, or, without one, what none needs.
    package func add(_ paths: [String], until position: RunPosition = RunPosition(round: 0)) {
        known.withLock { known in
            // What is in the folder of a checkpoint goes with that.
            for path in paths where !path.hasPrefix("checkpoints/") { known.until[path] = position }
        }
    }

    /// Forgets a file that is gone or of interest again.
    func forget(_ path: String) { known.withLock { $0.until[path] = nil } }

    /// Whether some of these checkpoints may need a file of those that were added.
    func isNeeded(_ path: String, by kept: Set<RunPosition>) -> Bool {
        guard let until = known.withLock({ $0.until[path] }) else { return false }
        return Self.isNeeded(path, until: until, by: kept)
    }

    /// The files that none of these checkpoints needs.
    func unneeded(by kept: Set<RunPosition>) -> [String] {
        known.withLock { $0.until }.filter { !Self.isNeeded($0, until: $1, by: kept) }.map(\.key)
    }

    private static func isNeeded(_ path: String, until: RunPosition, by kept: Set<RunPosition>) -> Bool {
        guard let since = since(path) else { return true }
        return kept.contains { since <= $0 && $0 < until }
    }

    /// The first checkpoint that may list a file.
    private static func since(_ path: String) -> RunPosition? {
        if path.hasPrefix("data/") { return RunPosition(round: 0) }
        guard path.hasPrefix("banks/") else {
            // A checkpoint does not refer to its own list.
            let isLater = path.hasPrefix("lists/") ? 1 : 0
            return RunFolder.position(of: path).map { RunPosition(round: $0.round, steps: $0.steps + isLater) }
        }
        // One in the middle of the round may, too.
        return CheckpointRetention.round(ofSnapshot: path).map { RunPosition(round: $0 - 1, steps: 1) }
    }

    /// Looks at all files of a run, and at what the checkpoints that stay list.
    /// - Returns: the rounds in which all centers were last trained.
    func survey(
        _ folder: RunFolder, _ kept: Set<RunPosition>, newest: Manifest
    ) throws(FederationError) -> [String: Int] {
        let newest = newest.isWhole ? newest : try Manifest.read(folder: folder.checkpoint(newest.position))
        var manifests: [Manifest] = []
        for position in kept.sorted() where position != newest.position {
            manifests.append(try Manifest.read(folder: folder.checkpoint(position)))
        }
        manifests.append(newest)
        var until: [String: RunPosition] = [:]
        for (manifest, next) in zip(manifests, manifests.dropFirst()) {
            for path in manifest.files.keys where newest.files[path] == nil && !path.hasPrefix("checkpoints/") {
                until[path] = next.position
            }
        }
        func names(_ path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
        let states = names(folder.states).flatMap { place in
            names("\(folder.states)/\(place)").map { "states/\(place)/\($0)" }
        }
        // Of what is newer, a checkpoint is on its way.
        for path in states + names(folder.lists).map({ "lists/\($0)" })
        where newest.files[path] == nil && until[path] == nil {
            if let since = RunFolder.position(of: path), since <= newest.position {
                until[path] = RunPosition(round: 0)
            }
        }
        for name in names(folder.data) where newest.files["data/\(name)"] == nil && !name.hasSuffix(".partial") {
            if until["data/\(name)"] == nil { until["data/\(name)"] = RunPosition(round: 0) }
        }
        known.withLock { [until] in
            $0.until.merge(until) { $1 }
            $0.isSurveyed = true
        }
        return newest.trainedRounds
    }
}
