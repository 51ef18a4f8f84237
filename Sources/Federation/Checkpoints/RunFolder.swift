import Foundation

/// Where things are in a run's folder:
///
///     RUN/config.yaml  metrics.jsonl
///     RUN/tensorboard/events.out.tfevents.…
///     RUN/checkpoints/round-000012/{server.h5, centers/<name>.h5, manifest.json}
///     RUN/checkpoints/round-000013.partial/     being written, never read
///     RUN/checkpoints/latest                    name of the newest complete round
///     RUN/banks/<name>/round-000012.h5          the momentum bank of a center at a round's end
///     RUN/working/<name>.h5                     centers that are not in memory now; of no use after the run's end
package struct RunFolder: Sendable, Equatable {
    /// The folder.
    package let path: String

    /// The run in `path`.
    package init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The resolved configuration.
    package var configuration: String { path + "/config.yaml" }
    /// One JSON object per round and evaluation.
    package var metrics: String { path + "/metrics.jsonl" }
    /// The folder of TensorBoard event files.
    package var tensorBoard: String { path + "/tensorboard" }
    /// The folder of checkpoints.
    package var checkpoints: String { path + "/checkpoints" }
    /// Names the newest complete round, for people and scripts. The program looks at the folders themselves.
    package var latest: String { checkpoints + "/latest" }
    /// The folder of momentum banks.
    package var banks: String { path + "/banks" }
    /// The states of centers that are not in memory.
    package var working: String { path + "/working" }

    /// "round-000012".
    package static func name(round: Int) -> String {
        let digits = String(round)
        return "round-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// The round of a name that ``name(round:)`` made.
    package static func round(named name: String) -> Int? {
        guard name.hasPrefix("round-"), let round = Int(name.dropFirst(6)), self.name(round: round) == name
        else { return nil }
        return round
    }

    /// The folder of a complete checkpoint.
    package func checkpoint(_ round: Int) -> String { "\(checkpoints)/\(Self.name(round: round))" }

    /// The folder of a checkpoint that is being written.
    package func partialCheckpoint(_ round: Int) -> String { checkpoint(round) + ".partial" }

    /// A center's momentum bank at a round's end, relative to the run's folder.
    package static func bank(center: String, round: Int, part: CenterState.Part = .client) -> String {
        "banks/\(center)/\(name(round: round))\(part == .relocalization ? ".relocalization" : "").h5"
    }

    /// The rounds that have a folder of a complete checkpoint, newest first.
    package var rounds: [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
        return names.compactMap(Self.round(named:)).sorted(by: >)
    }
}
