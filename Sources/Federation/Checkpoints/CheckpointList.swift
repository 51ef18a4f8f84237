import FederatedLearning
import Foundation

/// What the newest checkpoint lists, which the root keeps and changes in place.
///
/// With thousands of centers of which some take part in a round, a manifest names those alone that are not as in the checkpoint
/// before, and as many others as keeps its parts few: those of an earlier list that is not longer than its own. The rest is in
/// the lists of earlier checkpoints, which it names and which stay as `lists/POSITION.json`. So a checkpoint costs what its
/// changes cost, and there are never more lists than it takes doublings from the shortest to all centers.
package struct CheckpointList {
    /// What is listed of a center.
    private struct Center {
        var trainedRound = 0
        var files: [(path: String, fingerprint: DurableFile.Fingerprint)] = []
    }
    private var centers: [String: Center]
    /// The records of what the centers' data was.
    private let records: [String: DurableFile.Fingerprint]

    /// The list of an earlier checkpoint, of which something still holds.
    private struct Part {
        let position: RunPosition
        let centers: [String]
        let hasRecords: Bool
        /// Of its file, once the checkpoint is complete.
        var fingerprint: DurableFile.Fingerprint?
        /// Whether it has the name that does not go with its checkpoint.
        var isKept = false
    }
    /// The oldest first.
    private var parts: [Part] = []
    /// A list of fewer centers is not worth a file.
    private let fewest: Int
    /// Bytes of the centers' files and of the records.
    private var bytes: Int

    /// What a new checkpoint changes.
    package struct Changes: Sendable {
        /// The rounds in which centers were last trained, of those that its manifest names.
        package var trainedRounds: [String: Int] = [:]
        /// The files that its manifest names, by their paths relative to the run.
        package var files: [String: DurableFile.Fingerprint] = [:]
        /// The checkpoint whose list stays beyond it from now on.
        package var keepsList: RunPosition?
        /// Centers that are not as in the checkpoint before, with the rounds in which they were last trained.
        package var told: [String: Int] = [:]
        /// What the checkpoint before needed and this one does not.
        package var outdated: [String] = []
        /// Bytes of all files that it needs.
        package var bytes = 0
    }

    /// A run's list.
    /// - Parameters:
    ///   - centers: the names of all.
    ///   - records: the files that say what their data was.
    ///   - baseline: the checkpoint that the run continues from.
    ///   - fewest: the centers of the shortest list that is kept.
    package init(
        centers names: [String], records: [String: DurableFile.Fingerprint] = [:], baseline: Manifest? = nil,
        fewest: Int = 64
    ) {
        self.fewest = fewest
        self.records = records
        bytes = records.values.reduce(0) { $0 + $1.size }
        centers = Dictionary(uniqueKeysWithValues: names.map { ($0, Center()) })
        guard let baseline else { return }
        for (name, round) in baseline.trainedRounds { centers[name]?.trainedRound = round }
        for (path, fingerprint) in baseline.files {
            guard let name = baseline.center(ofFile: path), centers[name] != nil else { continue }
            centers[name]?.files.append((path, fingerprint))
            bytes += fingerprint.size
        }
    }

    /// Takes in what all ranks tell of a checkpoint.
    package mutating func take(_ report: CheckpointDraft.Report) -> Changes {
        var changes = Changes()
        var news: [String: Center] = [:]
        for entry in report.centers.values {
            news[entry.center, default: Center()].trainedRound = entry.trainedRound
            news[entry.center]?.files += entry.files.map { ($0.key, $0.value) }
        }
        for (name, new) in news {
            for (path, fingerprint) in centers[name]?.files ?? [] {
                bytes -= fingerprint.size
                if !new.files.contains(where: { $0.path == path }) { changes.outdated.append(path) }
            }
            bytes += new.files.reduce(0) { $0 + $1.fingerprint.size }
            centers[name] = new
            changes.told[name] = new.trainedRound
        }
        // The first lists all; a later one itself and what it takes the place of.
        var own = parts.isEmpty ? Set(centers.keys) : Set(news.keys)
        var hasRecords = parts.isEmpty
        while let last = parts.last, last.centers.count <= max(own.count, fewest) {
            own.formUnion(last.centers)
            hasRecords = hasRecords || last.hasRecords
            if last.isKept { changes.outdated.append(RunFolder.list(of: last.position)) }
            parts.removeLast()
        }
        for name in own {
            guard let center = centers[name] else { continue }
            changes.trainedRounds[name] = center.trainedRound
            for (path, fingerprint) in center.files { changes.files[path] = fingerprint }
        }
        changes.files.merge(report.files) { $1 }
        if hasRecords { changes.files.merge(records) { $1 } }
        if let last = parts.indices.last, !parts[last].isKept {
            parts[last].isKept = true
            changes.keepsList = parts[last].position
        }
        for part in parts { changes.files[RunFolder.list(of: part.position)] = part.fingerprint }
        let others = report.files.values.reduce(0) { $0 + $1.size }
        changes.bytes = parts.reduce(bytes + others) { $0 + ($1.fingerprint?.size ?? 0) }
        parts.append(Part(position: report.position, centers: Array(own), hasRecords: hasRecords))
        return changes
    }

    /// Notes the checksum of the newest checkpoint's manifest, once it is written.
    package mutating func note(_ fingerprint: DurableFile.Fingerprint) {
        if let last = parts.indices.last { parts[last].fingerprint = fingerprint }
    }
}
