import Foundation

/// How far a run is, in the file `RUN/progress`, which its root writes again every few seconds while it trains: for those who
/// look on from elsewhere. It stays behind where the run stops.
package struct ProgressNote: Codable, Equatable, Sendable {
    /// The round that is running or was the last, from 1.
    package var round: Int
    /// Its steps that are done and all of them, over its centers; with several ranks and nothing of the method on the root
    /// the done ones are known at the round's end only.
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

    /// The note of a run; nil where there is none that can be read.
    package init?(of folder: RunFolder) {
        guard let data = FileManager.default.contents(atPath: folder.progress),
            let note = try? JSONDecoder().decode(ProgressNote.self, from: data)
        else { return nil }
        self = note
    }

    /// Writes it, whole or not at all. That nobody can look on is no reason to stop: failures are passed over.
    func write(to folder: RunFolder) {
        guard let data = try? JSONEncoder().encode(self) else { return }
        let draft = folder.progress + ".partial"
        guard (try? data.write(to: URL(filePath: draft))) != nil else { return }
        _ = rename(draft, folder.progress)
    }
}
