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
    /// Lines for a person.
    package private(set) var text = ""
    /// The same for a program.
    package let metrics: MetricsValue

    /// Looks at a run. Where the job that has it cannot be seen from this machine, that takes up to ten seconds.
    /// - Parameter now: seconds since 1970.
    /// - Throws: where the folder is of no run, or its configuration cannot be read.
    package init(_ path: String, now: Double = Date().timeIntervalSince1970) throws {
        let folder = RunFolder(path)
        let configuration = try RunAccess.configuration(of: folder, attempted: "tell the state of")
        let history = try? RunHistory(folder)
        let note = ProgressNote(of: folder)
        let job = RunLease.look(folder)
        let newest = Self.newest(folder)
        // A run that its patience ended has said so; one whose rounds were raised since has gone on.
        let hasEnded =
            newest.position.map { $0.steps == 0 && ($0.round >= configuration.rounds || $0.round == history?.end) }
            ?? false
        if let job {
            state = job.lives ? .running : .killed
        } else if hasEnded {
            state = .finished
        } else {
            state = newest.position == nil ? .unbegun : .stopped
        }

        let round = state == .running ? note?.round : nil
        let left = state == .running ? note?.secondsLeft.map { max(0, $0 - (now - (note?.time ?? now))) } : nil
        text += "run \(path): \(state.rawValue)\n"
        text +=
            "  method \(configuration.method.rawValue), \(configuration.rounds) rounds, data \(configuration.data ?? "unknown")\n"
        if let job { text += "  job: \(job.holder.description)\(job.lives ? "" : "; it is gone")\n" }
        if let round, let note {
            text += "  round \(round) of \(configuration.rounds)"
            if note.steps > 0 { text += ", step \(note.step) of \(note.steps)" }
            text += note.stepsPerSecond.map { String(format: ", %.3g steps/s", $0) } ?? ""
            text += left.map { ", \(RunProgress.duration($0)) left" } ?? ""
            text += "\n"
        } else if let last = history?.lastComplete {
            text +=
                "  last complete round: \(last.round) of \(configuration.rounds), \(RunProgress.duration(last.seconds))\n"
        }
        if let position = newest.position {
            let age = newest.seconds.map { now - $0 }
            text += "  last checkpoint: \(position.description)"
            text += age.map { ", \(RunProgress.duration(max(0, $0))) ago\n" } ?? "\n"
        } else {
            text += "  no complete checkpoint yet\n"
        }
        if let problem = newest.problem { text += "  damaged: \(problem)\n" }
        if let last = history?.lastEvaluation, let split = history?.split.rawValue {
            text += String(
                format: "  last \(split) Dice: %.3f, after round %d", last.dice, last.round)
            text += folder.best.map { "; the best round is \($0.round)\n" } ?? "\n"
        }
        switch state {
        case .stopped, .killed: text += "  to go on: fedcrld train --resume \(path)\n"
        case .unbegun: text += "  to begin: remove the folder and train anew, or choose another\n"
        case .running, .finished: break
        }

        let current = state == .running ? note : nil
        var members: [String: MetricsValue] = [
            "run": .text(path), "state": .text(state.rawValue), "method": .text(configuration.method.rawValue),
            "rounds": .integer(configuration.rounds), "damaged": Self.value(newest.problem, MetricsValue.text),
            "best_round": Self.value(folder.best?.round, MetricsValue.integer),
        ]
        members["round"] = Self.value(current?.round ?? history?.lastComplete?.round, MetricsValue.integer)
        members["step"] = Self.value(current?.step, MetricsValue.integer)
        members["steps"] = Self.value(current?.steps, MetricsValue.integer)
        members["steps_per_second"] = Self.value(current?.stepsPerSecond, MetricsValue.number)
        members["seconds_left"] = Self.value(left, MetricsValue.number)
        members["checkpoint"] = Self.value(newest.position) { position in
            [
                "name": .text(position.name), "round": .integer(position.round), "steps": .integer(position.steps),
                "seconds_ago": Self.value(newest.seconds.map { max(0, now - $0) }, MetricsValue.number),
            ]
        }
        members["evaluation"] = Self.value(history?.lastEvaluation) { last in
            [
                "split": .text(history?.split.rawValue ?? ""), "round": .integer(last.round),
                "dice": .number(last.dice),
            ]
        }
        members["job"] = Self.value(job) { job in
            [
                "host": .text(job.holder.host), "process": .integer(Int(job.holder.process)),
                "slurm_job": Self.value(job.holder.job, MetricsValue.text), "since": .text(job.holder.since),
                "lives": .bool(job.lives),
            ]
        }
        metrics = .object(members)
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
