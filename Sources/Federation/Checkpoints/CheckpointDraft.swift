import Foundation
import Synchronization

/// What a rank has contributed to a checkpoint so far. Filled by the disk queue, read by the main thread.
package final class CheckpointDraft: Sendable {
    /// What a rank tells the root.
    package struct Report: Codable, Sendable {
        /// The checkpoint.
        package var position = RunPosition(round: 0)
        /// Its files, by their path relative to the run, with size and checksum.
        package var files: [String: DurableFile.Fingerprint] = [:]
        /// The rounds in which its centers were last trained.
        package var trainedRounds: [String: Int] = [:]
        /// How far its centers are in a round that was stopped.
        package var progress: RoundProgress?
        /// Whether the rank could not write.
        var isFailure = false

        /// Adds what another rank tells.
        mutating func merge(_ other: Report) {
            files.merge(other.files) { $1 }
            trainedRounds.merge(other.trainedRounds) { max($0, $1) }
            if let more = other.progress {
                progress = progress ?? RoundProgress()
                progress?.centers.merge(more.centers) { $1 }
            }
        }
    }

    /// The folder that the files go to.
    package let folder: String
    private let position: RunPosition
    private let state: Mutex<(report: Report, isComplete: Bool)>

    /// An empty draft of a run's checkpoint.
    package init(_ run: RunFolder, _ position: RunPosition, progress: RoundProgress? = nil) {
        folder = run.partialCheckpoint(position)
        self.position = position
        state = Mutex((Report(position: position, progress: progress), false))
    }

    /// A file's name in the manifest.
    func relative(_ name: String) -> String { "checkpoints/\(position.name)/\(name)" }

    func note(_ fingerprint: DurableFile.Fingerprint, of name: String) {
        state.withLock { $0.report.files[name] = fingerprint }
    }

    func note(trainedRound round: Int, of center: String) { state.withLock { $0.report.trainedRounds[center] = round } }

    /// All is written.
    package func complete() { state.withLock { $0.isComplete = true } }

    /// The report; nil while something is still to be written.
    package var report: Report? { state.withLock { $0.isComplete ? $0.report : nil } }
}
