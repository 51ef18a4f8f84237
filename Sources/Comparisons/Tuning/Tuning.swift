import Federation
import Foundation
import Reports

/// What a search for settings has found.
package struct Tuning: Sendable {
    /// The plan.
    package let plan: TuningPlan
    private let results: [String: TrialResult]

    /// Gathers what is known.
    package init(_ plan: TuningPlan, in folder: SeriesFolder) throws {
        self.plan = plan
        var results: [String: TrialResult] = [:]
        for trial in plan.trials {
            results[trial.run.name] = try folder.read(trial.run, as: TrialResult.self)
        }
        self.results = results
    }

    /// Reads the result of a training in its folder.
    package static func result(of folder: String) throws -> TrialResult {
        let run = RunFolder(folder)
        let history = try RunHistory(run)
        return try RunAccess.reading(folder) { access in
            TrialResult(
                dice: access.manifest.selection?.best?.dice, round: access.manifest.selection?.best?.round,
                seconds: history.seconds)
        }
    }

    /// The methods in the plan's order.
    package var methods: [String] {
        plan.trials.reduce(into: []) { names, trial in
            if !names.contains(trial.run.variant) { names.append(trial.run.variant) }
        }
    }

    private func trials(of method: String) -> [TuningPlan.Trial] { plan.trials.filter { $0.run.variant == method } }

    /// The trial with the best validation Dice, the first of several; nil where none has one.
    package func best(of method: String) -> (trial: TuningPlan.Trial, dice: Double)? {
        trials(of: method).reduce(nil) { best, trial in
            guard let dice = results[trial.run.name]?.dice else { return best }
            return best.map { dice > $0.dice } ?? true ? (trial, dice) : best
        }
    }

    /// The files of a method's best settings, to be given to `compare --tuned` or `train --config`.
    package func yaml(of method: String) -> String? {
        guard let best = best(of: method) else { return nil }
        let known = trials(of: method).count { results[$0.run.name] != nil }
        let lines = best.trial.settings.map { $0.replacing("=", with: ": ", maxReplacements: 1) }
        return "# \(method): validation Dice \(String(format: "%.4f", best.dice)), \(best.trial.run.name), the best of "
            + "\(known) trials.\n" + (lines.isEmpty ? "{}" : lines.joined(separator: "\n")) + "\n"
    }

    /// A line for every trial.
    package var csv: String {
        var text = "method,trial,validation_dice,round,seconds,failure,settings\n"
        for method in methods {
            for (index, trial) in trials(of: method).enumerated() {
                guard let result = results[trial.run.name] else { continue }
                let cells = [
                    method, String(index), result.dice.map { String(format: "%.6f", $0) } ?? "",
                    result.round.map(String.init) ?? "", String(format: "%.1f", result.seconds),
                    result.failure == nil ? "" : "diverged",
                    "\"\(trial.settings.joined(separator: " ").replacingOccurrences(of: "\"", with: "\"\""))\"",
                ]
                text += cells.joined(separator: ",") + "\n"
            }
        }
        return text
    }

    /// The best of each method beside what the search began with.
    package func text(_ style: TextTable.Style) -> String {
        var table = TextTable(columns: [
            .init("method", .left), .init("trials"), .init("at first"), .init("best"), .init("settings", .left),
        ])
        for method in methods {
            let all = trials(of: method)
            let first = all.first.flatMap { results[$0.run.name]?.dice }
            let best = best(of: method)
            table.append([
                method, String(all.count { results[$0.run.name] != nil }), Markup.number(first, 3),
                Markup.number(best?.dice, 3),
                best.map { $0.trial.settings.isEmpty ? "as they were" : $0.trial.settings.joined(separator: " ") }
                    ?? "",
            ])
        }
        return "Mean foreground validation Dice of the best round\n\n" + table.rendered(style)
    }

    /// Writes `METHOD.yaml` for each method, and `tuning.csv`.
    package func write(to folder: String) throws {
        for method in methods {
            if let yaml = yaml(of: method) { try DurableFile.write(yaml.utf8, to: "\(folder)/\(method).yaml") }
        }
        try DurableFile.write(csv.utf8, to: "\(folder)/tuning.csv")
    }
}
