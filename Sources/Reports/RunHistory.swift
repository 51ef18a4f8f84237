import CardiacMR
import Federation
import Foundation

/// What a run's `metrics.jsonl` tells.
package struct RunHistory: Sendable {
    /// One center's course.
    package struct Course: Sendable {
        /// The rounds that the center took part in, with its mean losses by term.
        package var rounds: [(round: Int, losses: [String: Double])] = []
        /// The rounds in which it was evaluated, with its mean foreground Dice on cases of ``RunHistory/split``.
        package var dice: [(round: Int, value: Double)] = []
    }

    /// Courses by center.
    package private(set) var centers: [String: Course] = [:]
    /// Seconds per phase of every rank, in the order of `RunPhase`, then the total; empty where the run has not ended.
    package private(set) var phases: [[Double]] = []
    /// The round after which the run ended, as often as it did; nil where it has not.
    package private(set) var end: Int?
    /// The split of the courses' Dice: validation where the run evaluated such cases, else test.
    package private(set) var split = Split.test
    /// The last round.
    package private(set) var lastRound = 0
    /// The last round that is complete, and its wall seconds.
    package private(set) var lastComplete: (round: Int, seconds: Double)?
    /// The last round after which cases of ``split`` were evaluated, and its mean foreground Dice over the centers.
    package private(set) var lastEvaluation: (round: Int, dice: Double)?
    /// Wall seconds of all rounds.
    package private(set) var seconds = 0.0

    /// Reads the file of a run. A line that a crash left incomplete is passed over.
    package init(_ folder: RunFolder) throws(ReportsError) {
        guard let data = FileManager.default.contents(atPath: folder.metrics) else {
            throw ReportsError(
                attempted: "read", subject: folder.metrics, reason: "there is no such file, or it may not be read",
                remedy: "give the folder of a run (--out of `fedcrld train`)")
        }
        var means: [Split: (round: Int, dice: Double)] = [:]
        var dice: [Split: [(center: String, round: Int, value: Double)]] = [:]
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
                let round = object["round"] as? Int, let kind = object["kind"] as? String
            else { continue }
            lastRound = max(lastRound, round)
            switch kind {
            case "round":
                let duration = object["seconds"] as? Double ?? 0
                seconds += duration
                lastComplete = (round, duration)
                for (center, values) in rows(object, ofAll: object["losses"] as? [String: Any]) {
                    centers[center, default: .init()].rounds.append((round, values.compactMapValues { $0 as? Double }))
                }
            case "evaluation":
                if let split = (object["split"] as? String).flatMap(Split.init),
                    let mean = object["mean_dice"] as? Double
                {
                    means[split] = (round, mean)
                }
                for (center, values) in rows(object, ofAll: object) {
                    guard let mean = values["mean_dice"] as? Double else { continue }
                    let split = (object["split"] as? String).flatMap(Split.init) ?? .test
                    dice[split, default: []].append((center, round, mean))
                }
            case "phases":
                phases = object["ranks"] as? [[Double]] ?? []
                end = round
            default: break
            }
        }
        /// What a line says of each center or, where it does not, of all of them.
        func rows(_ object: [String: Any], ofAll sums: [String: Any]?) -> [String: [String: Any]] {
            let centers = object["centers"] as? [String: [String: Any]] ?? [:]
            // A round without anyone has neither.
            guard centers.isEmpty, let sums, !sums.isEmpty else { return centers }
            return ["all centers": sums]
        }
        if dice[.validation] != nil { split = .validation }
        lastEvaluation = means[split]
        for (center, round, value) in dice[split] ?? [] {
            centers[center, default: .init()].dice.append((round, value))
        }
    }
}
