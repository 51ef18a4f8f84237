import Foundation
import Synchronization

/// What a rank has contributed to a checkpoint so far. Filled by the disk queue, read by the main thread.
///
/// Of centers only those are told that are not as in the checkpoint before: with thousands of which some take part in a round,
/// a checkpoint costs as much as these.
package final class CheckpointDraft: Sendable {
    /// What is new of a center, or of the part of it that a rank holds.
    package struct Entry: Codable, Sendable, Equatable {
        /// The center.
        package var center: String
        /// The round in which it was last trained.
        package var trainedRound: Int
        /// Its state and its snapshots, by their paths relative to the run.
        package var files: [String: DurableFile.Fingerprint]

        /// What is new of a center.
        package init(center: String, trainedRound: Int, files: [String: DurableFile.Fingerprint]) {
            self.center = center
            self.trainedRound = trainedRound
            self.files = files
        }
    }

    /// What a rank tells the root.
    package struct Report: Codable, Sendable {
        /// The checkpoint.
        package var position: RunPosition
        /// Files that are no center's, by their path relative to the run, with size and checksum.
        package var files: [String: DurableFile.Fingerprint] = [:]
        /// What is new of centers, by the path of the state's file relative to the run.
        package var centers: [String: Entry] = [:]
        /// How far its centers are in a round that was stopped.
        package var progress: RoundProgress?
        /// Whether the rank could not write.
        var isFailure = false

        /// Nothing yet.
        package init(position: RunPosition, progress: RoundProgress? = nil) {
            self.position = position
            self.progress = progress
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

    /// The checkpoint.
    package let position: RunPosition
    /// The folder that its files go to.
    package let folder: String
    private let state: Mutex<(report: Report, isComplete: Bool)>

    /// An empty draft of a run's checkpoint.
    package init(_ run: RunFolder, _ position: RunPosition, progress: RoundProgress? = nil) {
        self.position = position
        folder = run.partialCheckpoint(position)
        state = Mutex((Report(position: position, progress: progress), false))
    }

    /// Notes a file of the checkpoint's folder.
    func note(_ fingerprint: DurableFile.Fingerprint, of name: String) {
        state.withLock { $0.report.files["checkpoints/\(position.name)/\(name)"] = fingerprint }
    }

    /// Notes what is new of a center.
    /// - Parameter path: of its state's file, relative to the run.
    func note(_ entry: Entry, at path: String) { state.withLock { $0.report.centers[path] = entry } }

    /// All is written.
    package func complete() { state.withLock { $0.isComplete = true } }

    /// The report; nil while something is still to be written.
    package var report: Report? { state.withLock { $0.isComplete ? $0.report : nil } }
}
