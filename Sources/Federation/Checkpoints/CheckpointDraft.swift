import Foundation
import Synchronization

/// What a rank has contributed to a checkpoint so far. Filled by the disk queue, read by the main thread.
///
/// Of centers only those are told that are not as the rank told of them before: with thousands of which some take part in a
/// round, a checkpoint's list costs as much as these.
package final class CheckpointDraft: Sendable {
    /// A center's files in a checkpoint, or those of the part of it that a rank holds.
    package struct Entry: Codable, Sendable, Equatable {
        /// The center.
        package var center: String
        /// The round in which it was last trained.
        package var trainedRound: Int
        /// Its file in the checkpoint's folder.
        package var file: DurableFile.Fingerprint
        /// Its snapshots, by their path relative to the run.
        package var snapshots: [String: DurableFile.Fingerprint] = [:]
    }

    /// What a rank tells the root.
    package struct Report: Codable, Sendable {
        /// The checkpoint.
        package var position = RunPosition(round: 0)
        /// Its files beside those of centers, by their path in the checkpoint's folder, with size and checksum.
        package var files: [String: DurableFile.Fingerprint] = [:]
        /// Its centers that have a file and are not as they were told, by their file's path in the checkpoint's folder.
        package var centers: [String: Entry] = [:]
        /// How far its centers are in a round that was stopped.
        package var progress: RoundProgress?
        /// Whether the rank could not write.
        var isFailure = false

        /// What a manifest says: the rounds in which centers were last trained, and files by their path relative to the run.
        package var contents: (trainedRounds: [String: Int], files: [String: DurableFile.Fingerprint]) {
            var (rounds, all): ([String: Int], [String: DurableFile.Fingerprint]) = ([:], [:])
            let place = "checkpoints/\(position.name)"
            for (name, fingerprint) in files { all["\(place)/\(name)"] = fingerprint }
            for (name, entry) in centers {
                all["\(place)/\(name)"] = entry.file
                all.merge(entry.snapshots) { $1 }
                rounds[entry.center] = max(rounds[entry.center] ?? 0, entry.trainedRound)
            }
            return (rounds, all)
        }

        /// Adds what another rank tells.
        mutating func merge(_ other: Report) {
            files.merge(other.files) { $1 }
            centers.merge(other.centers) { $1 }
            if let more = other.progress {
                progress = progress ?? RoundProgress()
                progress?.centers.merge(more.centers) { $1 }
            }
        }
    }

    /// What a rank has told of its centers in the checkpoints before.
    package final class Ledger: Sendable {
        fileprivate let told = Mutex<[String: Entry]>([:])

        /// Nothing was told.
        package init() {}
    }

    /// The folder that the files go to.
    package let folder: String
    private let ledger: Ledger
    private let state: Mutex<(report: Report, isComplete: Bool)>

    /// An empty draft of a run's checkpoint.
    /// - Parameter ledger: of the drafts before.
    package init(
        _ run: RunFolder, _ position: RunPosition, progress: RoundProgress? = nil, ledger: Ledger = Ledger()
    ) {
        folder = run.partialCheckpoint(position)
        self.ledger = ledger
        state = Mutex((Report(position: position, progress: progress), false))
    }

    /// Notes a file that is no center's.
    func note(_ fingerprint: DurableFile.Fingerprint, of name: String) {
        state.withLock { $0.report.files[name] = fingerprint }
    }

    /// Whether a center's file was told before, as it is, so that there is nothing to note.
    func isKnown(_ name: String, _ file: DurableFile.Fingerprint, trainedRound: Int) -> Bool {
        ledger.told.withLock { $0[name].map { $0.file == file && $0.trainedRound == trainedRound } ?? false }
    }

    /// Notes a center's files.
    func note(_ entry: Entry, of name: String) {
        ledger.told.withLock { $0[name] = entry }
        state.withLock { $0.report.centers[name] = entry }
    }

    /// All is written.
    package func complete() { state.withLock { $0.isComplete = true } }

    /// The report; nil while something is still to be written.
    package var report: Report? { state.withLock { $0.isComplete ? $0.report : nil } }
}
