import Foundation

/// How far a run is, in the file `RUN/progress`, which its root writes again every few seconds while it trains: for those who
/// look on from elsewhere. It stays behind where the run stops.
package struct ProgressNote: Codable, Equatable, Sendable {
    /// The round that is running or was the last, from 1.
    package var round: Int
    /// Its steps that are done and all of them, over its centers.
    package var (step, steps): (Int, Int)
    /// Steps per second, over all centers; nil before the first.
    package var stepsPerSecond: Double?
    /// Seconds to the run's end; nil while there is nothing to judge by.
    package var secondsLeft: Double?
    /// When it was written, in seconds since 1970.
    package var time: Double

    private enum CodingKeys: String, CodingKey {
        case round, step, steps, time
        case stepsPerSecond = "steps_per_second"
        case secondsLeft = "seconds_left"
    }

    /// A note of a run.
    package init(round: Int, step: Int, steps: Int, stepsPerSecond: Double?, secondsLeft: Double?, time: Double) {
        (self.round, self.step, self.steps) = (round, step, steps)
        (self.stepsPerSecond, self.secondsLeft, self.time) = (stepsPerSecond, secondsLeft, time)
    }

    /// The note of a run, with what ranks say of the round whose steps the root does not see; nil where there is none that can
    /// be read.
    package init?(of folder: RunFolder) {
        guard let note = Self.read(ProgressNote.self, folder.progress) else { return nil }
        self = note
        for path in folder.progressOfRanks {
            guard let rank = Self.read(OfRank.self, path), rank.round == round else { continue }
            step = min(steps, step + rank.steps)
        }
    }

    /// How far a rank is in a round, whose steps the root does not see.
    struct OfRank: Codable, Equatable {
        /// The round.
        var round: Int
        /// Steps that the rank has done in it.
        var steps: Int

        /// Writes it, as the root's note.
        func write(to path: String) { ProgressNote.write(self, to: path) }
    }

    /// Writes it, whole or not at all. That nobody can look on is no reason to stop: failures are passed over.
    func write(to folder: RunFolder) { Self.write(self, to: folder.progress) }

    private static func read<Note: Decodable>(_ kind: Note.Type, _ path: String) -> Note? {
        FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(Note.self, from: $0) }
    }

    private static func write(_ note: some Encodable, to path: String) {
        guard let data = try? JSONEncoder().encode(note) else { return }
        let draft = path + ".partial"
        guard (try? data.write(to: URL(filePath: draft))) != nil else { return }
        _ = rename(draft, path)
    }
}
