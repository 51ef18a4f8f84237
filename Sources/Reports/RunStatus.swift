import CardiacMR
import Federation
import Foundation

/// Where a run is: while it trains, from any machine that sees its folder, and after.
package struct RunStatus {
    /// What may be the matter with a run.
    package enum State: String {
        /// A job trains it.
        case running
        /// No job does, and rounds are left; it ended in good order.
        case stopped
        /// The job that trained it is gone without having given it back.
        case killed
        /// All its rounds are done, or its patience has ended it.
        case finished
        /// It has no checkpoint yet, and no job.
        case unbegun
    }

    /// What is the matter.
    package let state: State
    /// Whether there is a checkpoint of a round's end.
    package let hasWholeRound: Bool
    private let path: String
    private let configuration: Configuration
    private let history: RunHistory?
    private let best: RunPosition?
    /// How far the job is that trains it.
    private let progress: ProgressNote?
    private let job: (holder: RunLease.Holder, lives: Bool)?
    private let newest: (position: RunPosition?, seconds: Double?, problem: String?)
    /// When it was looked at.
    private let now: Double

    /// Looks at a run. Where the job that has it cannot be seen from this machine, that takes up to ten seconds.
    /// - Parameter now: seconds since 1970.
    /// - Throws: where the folder is of no run, or its configuration cannot be read.
    package init(_ path: String, now: Double = Date().timeIntervalSince1970) throws {
        let folder = RunFolder(path)
        (self.path, self.now) = (path, now)
        configuration = try RunAccess.configuration(of: folder, attempted: "tell the state of")
        history = try? RunHistory(folder)
        best = folder.best
        let note = ProgressNote(of: folder)
        job = RunLease.look(folder)
        newest = Self.newest(folder)
        hasWholeRound = folder.positions.contains { $0.steps == 0 }
        let (rounds, end) = (configuration.rounds, history?.end)
        // A run that its patience ended has said so; one whose rounds were raised since has gone on.
        let hasEnded = newest.position.map { $0.steps == 0 && ($0.round >= rounds || $0.round == end) } ?? false
        if let job {
            state = job.lives ? .running : .killed
        } else if hasEnded {
            state = .finished
        } else {
            state = newest.position == nil ? .unbegun : .stopped
        }
        progress = state == .running ? note : nil
    }

    private var secondsLeft: Double? {
        progress.flatMap { note in note.secondsLeft.map { max(0, $0 - (now - note.time)) } }
    }

    private var checkpointAge: Double? { newest.seconds.map { max(0, now - $0) } }

    /// Lines for a person.
    package var text: String {
        let rounds = configuration.rounds
        var lines = [
            "run \(path): \(state.rawValue)",
            "method \(configuration.method.rawValue), \(rounds) rounds, data \(configuration.data ?? "unknown")",
        ]
        if let job { lines.append("job: \(job.holder.description)" + (job.lives ? "" : "; it is gone")) }
        if let progress {
            var parts = ["round \(progress.round) of \(rounds)"]
            if progress.steps > 0 { parts.append("step \(progress.step) of \(progress.steps)") }
            if let speed = progress.stepsPerSecond { parts.append(String(format: "%.3g steps/s", speed)) }
            if let secondsLeft { parts.append("\(RunProgress.duration(secondsLeft)) left") }
            lines.append(parts.joined(separator: ", "))
        } else if let last = history?.lastComplete {
            lines.append("last complete round: \(last.round) of \(rounds), \(RunProgress.duration(last.seconds))")
        }
        if let position = newest.position {
            let age = checkpointAge.map { ", \(RunProgress.duration($0)) ago" } ?? ""
            lines.append("last checkpoint: \(position.description)\(age)")
        } else {
            lines.append("no complete checkpoint yet")
        }
        if let problem = newest.problem { lines.append("damaged: \(problem)") }
        if let history, let last = history.lastEvaluation {
            let dice = String(format: "%.3f", last.dice)
            lines.append(
                "last \(history.split.rawValue) Dice: \(dice), after round \(last.round)"
                    + (best.map { "; the best round is \($0.round)" } ?? ""))
        }
        switch state {
        case .stopped, .killed: lines.append("to go on: fedcrld train --resume \(path)")
        case .unbegun: lines.append("to begin: remove the folder and train anew, or choose another")
        case .running, .finished: break
        }
        return lines.joined(separator: "\n  ") + "\n"
    }

    /// What changes when there is something new to report.
    package var stage: [String] {
        let rounds = [newest.position?.name, history?.lastComplete.map { String($0.round) }].map { $0 ?? "none" }
        return [state.rawValue] + rounds
    }

    /// The same for a program.
    package var metrics: MetricsValue {
        var members: [String: MetricsValue] = [
            "run": .text(path), "state": .text(state.rawValue), "method": .text(configuration.method.rawValue),
            "rounds": .integer(configuration.rounds),
        ]
        members["round"] = Self.value(progress?.round ?? history?.lastComplete?.round, MetricsValue.integer)
        members["step"] = Self.value(progress?.step, MetricsValue.integer)
        members["steps"] = Self.value(progress?.steps, MetricsValue.integer)
        members["steps_per_second"] = Self.value(progress?.stepsPerSecond, MetricsValue.number)
        members["seconds_left"] = Self.value(secondsLeft, MetricsValue.number)
        members["checkpoint"] = Self.value(newest.position) { position in
            [
                "name": .text(position.name), "round": .integer(position.round), "steps": .integer(position.steps),
                "seconds_ago": Self.value(checkpointAge, MetricsValue.number),
            ]
        }
        members["damaged"] = Self.value(newest.problem, MetricsValue.text)
        members["evaluation"] = Self.value(history?.lastEvaluation) { last in
            [
                "split": Self.value(history?.split.rawValue, MetricsValue.text), "round": .integer(last.round),
                "dice": .number(last.dice),
            ]
        }
        members["best_round"] = Self.value(best?.round, MetricsValue.integer)
        members["job"] = Self.value(job) { job in
            [
                "host": .text(job.holder.host), "process": .integer(Int(job.holder.process)),
                "slurm_job": Self.value(job.holder.job, MetricsValue.text), "since": .text(job.holder.since),
                "lives": .bool(job.lives),
            ]
        }
        return .object(members)
    }

    private static func value<Value>(_ value: Value?, _ kind: (Value) -> MetricsValue) -> MetricsValue {
        value.map(kind) ?? .null
    }

    /// The newest checkpoint that can be read, when it was written, and what is wrong with a newer one.
    private static func newest(_ folder: RunFolder) -> (position: RunPosition?, seconds: Double?, problem: String?) {
        var problem: String?
        for position in folder.positions {
            do {
                _ = try Manifest.read(folder: folder.checkpoint(position))
                let attributes = try? FileManager.default.attributesOfItem(
                    atPath: "\(folder.checkpoint(position))/\(Manifest.fileName)")
                let date = attributes?[.modificationDate] as? Date
                return (position, date?.timeIntervalSince1970, problem)
            } catch { problem = problem ?? "\(error)" }
        }
        return (nil, nil, problem)
    }
}
