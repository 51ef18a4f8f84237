import FederatedLearning
import Files
import Foundation

/// Where things are in a run's folder:
///
///     RUN/config.yaml  metrics.jsonl
///     RUN/tensorboard/events.out.tfevents.…
///     RUN/checkpoints/round-000012/{server.h5, manifest.json}
///     RUN/checkpoints/round-000012.step-000034/ the same in the middle of round 13, where a run was stopped
///     RUN/checkpoints/round-000013.partial/     being written, never read
///     RUN/checkpoints/latest                    name of the newest complete checkpoint
///     RUN/checkpoints/best                      name of the one with the best validation Dice
///     RUN/states/round-000012/<name>[.relocalization].h5   the centers that were not as in the checkpoint before that one
///     RUN/lists/round-000012.json               the manifest of a checkpoint of which others need the list of centers
///     RUN/banks/<name>/round-000012.h5          the momentum bank of a center at a round's end
///     RUN/data/<name>-<crc32>.json              what a center's data was when the run began
///     RUN/running                               who writes into the run now
///     RUN/progress                              how far it is; progress-3: how far a rank is whose steps the root does not see
///     RUN/privacy                               secure exchanges and releases that were begun, for runs that hide something
///     RUN/readers/round-000012@…                who reads a checkpoint meanwhile, which stays until then
///     RUN/working/<name>.h5                     centers that are not in memory now; of no use after the run's end
package struct RunFolder: Sendable, Equatable {
    /// The folder.
    package let path: String

    /// The run in `path`.
    package init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The run that a checkpoint's folder is of.
    package init(ofCheckpoint path: String) {
        // The path may be "." or end in "..": what counts is where it leads.
        self.init(Path.parent(of: Path.parent(of: Path.resolved(path))))
    }

    /// The resolved configuration.
    package var configuration: String { path + "/config.yaml" }
    /// One JSON object per round and evaluation.
    package var metrics: String { path + "/metrics.jsonl" }
    /// The folder of TensorBoard event files.
    package var tensorBoard: String { path + "/tensorboard" }
    /// The folder of checkpoints.
    package var checkpoints: String { path + "/checkpoints" }
    /// Names the newest complete checkpoint, for people and scripts. The program looks at the folders themselves.
    package var latest: String { checkpoints + "/latest" }
    /// Names the checkpoint that was best on validation cases.
    package var bestName: String { checkpoints + "/best" }
    /// The position of that checkpoint; nil where none was chosen.
    package var best: RunPosition? {
        (try? String(contentsOfFile: bestName, encoding: .utf8)).flatMap {
            RunPosition(named: $0.trimmingCharacters(in: .newlines))
        }
    }
    /// Writes down which checkpoint is the best, once it is complete.
    func note(best position: RunPosition) throws(FederationError) {
        guard best != position, positions.contains(position) else { return }
        try DurableFile.write((position.name + "\n").utf8, to: bestName)
    }
    /// The folder of centers' states, as checkpoints name them.
    package var states: String { path + "/states" }
    /// The folder of what earlier checkpoints list.
    package var lists: String { path + "/lists" }
    /// The folder of momentum banks.
    package var banks: String { path + "/banks" }
    /// The folder of what the centers' data was, which checkpoints name.
    package var data: String { path + "/data" }
    /// Who writes into the run now.
    package var lease: String { path + "/running" }
    /// How far it is.
    package var progress: String { path + "/progress" }
    /// What it has released.
    package var privacy: String { path + "/privacy" }
    /// How far a rank is.
    func progress(ofRank rank: Int) -> String { "\(progress)-\(rank)" }
    /// The files that say how far ranks are.
    var progressOfRanks: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasPrefix("progress-") && !$0.hasSuffix(".partial") }.map { "\(path)/\($0)" }
    }
    /// The folder of those who read checkpoints while a job trains.
    package var readers: String { path + "/readers" }
    /// The states of centers that are not in memory.
    package var working: String { path + "/working" }
    /// The same on a node's own disk: the run's, told from others' by its place.
    package func working(scratch: String) -> String {
        let place = URL(filePath: path).standardizedFileURL.path
        return "\(scratch)/fedcrld-\(DurableFile.crc32(of: Array(place.utf8)))"
    }

    /// The folder of a complete checkpoint.
    package func checkpoint(_ position: RunPosition) -> String { "\(checkpoints)/\(position.name)" }

    /// The folder of the complete checkpoint of a round's end.
    package func checkpoint(_ round: Int) -> String { checkpoint(RunPosition(round: round)) }

    /// The folder of a checkpoint that is being written.
    package func partialCheckpoint(_ position: RunPosition) -> String { checkpoint(position) + ".partial" }

    /// A center's state as a checkpoint was the first to name it, relative to the run's folder.
    package static func state(_ center: String, part: StatePart = .center, since position: RunPosition) -> String {
        "states/\(position.name)/\(part.fileName(center))"
    }

    /// The folder of the states that a checkpoint was the first to name.
    package func states(since position: RunPosition) -> String { "\(states)/\(position.name)" }

    /// The center that a snapshot is of, by its path relative to the run's folder; nil for other files.
    static func center(ofBank path: String) -> String? {
        path.hasPrefix("banks/") ? path.split(separator: "/").dropFirst().first.map(String.init) : nil
    }

    /// What a checkpoint lists, where others need it, relative to the run's folder.
    package static func list(of position: RunPosition) -> String { "lists/\(position.name).json" }

    /// The position that is in the path of such a file.
    static func position(of path: String) -> RunPosition? {
        let parts = path.split(separator: "/")
        guard parts.count > 1 else { return nil }
        return RunPosition(named: parts[0] == "lists" ? String(parts[1].dropLast(".json".count)) : String(parts[1]))
    }

    /// A center's momentum bank at a round's end, relative to the run's folder.
    package static func bank(center: String, round: Int, part: StatePart = .center) -> String {
        "banks/\(center)/\(part.fileName(RunPosition(round: round).name))"
    }

    /// The points of the run that have a folder of a complete checkpoint, newest first.
    package var positions: [RunPosition] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
        return names.compactMap(RunPosition.init(named:)).sorted(by: >)
    }

    /// The rounds whose end has a folder of a complete checkpoint, newest first.
    package var rounds: [Int] { positions.filter { $0.steps == 0 }.map(\.round) }
}
