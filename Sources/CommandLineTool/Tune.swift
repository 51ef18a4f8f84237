import ArgumentParser
import Comparisons
import Federation
import Files
import Foundation

/// `fedcrld tune`: a search for settings, on validation cases.
struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Search for the learning rate and the settings of methods, on validation cases.",
        discussion: """
            A random search with as many trainings for every method: the first has the settings as they are given, each other \
            one draws the learning rate and what the method declares as worth searching for (`fedcrld methods`) from their ranges. \
            Settings given by --set are not searched for. A training counts by the best mean Dice that it reaches on validation \
            cases; test cases are not looked at. A training whose loss is not finite counts as failed.

              mpirun -n 3 fedcrld tune --data data --out tuning --methods fedavg,fedprox,fedcrld --trials 8
              mpirun -n 3 fedcrld compare --data data --out comparison --methods fedavg,fedprox,fedcrld --tuned tuning

            Started again with the same options it passes over what is done and continues what was stopped. OUT/METHOD.yaml has \
            the best settings, OUT/tuning.csv every trial.
            """)

    @OptionGroup var series: SeriesOptions
    @Option(help: .init("Methods, separated by commas, or all.", valueName: "names"))
    var methods: String?
    @Option(help: .init("Trainings of each method.", valueName: "number"))
    var trials = 8
    @Option(name: .customLong("search-seed"), help: .init("What the tried values follow from.", valueName: "number"))
    var searchSeed: UInt64 = 1

    func validate() throws {
        if !series.tables, NumberList.names(methods ?? "").isEmpty {
            throw ValidationError("--methods names no method: name some, separated by commas, or all")
        }
        guard (1...10_000).contains(trials) else {
            throw ValidationError("--trials \(trials) is not a number from 1 to 10000")
        }
    }

    func run() throws {
        let folder = SeriesFolder(Path.absolute(series.out))
        if series.tables {
            return try SeriesOptions.onOneRank {
                try show(Tuning(try series.plan(TuningPlan.self, in: folder), in: folder), folder)
            }
        }
        if series.count {
            return try SeriesOptions.onOneRank { try Console.print(String(try newPlan.trials.count)) }
        }
        StopRequest.listen()
        try MPIJob.run { rank in
            let plan: TuningPlan = try rank.onRoot { try self.plan(in: folder) }
            let runs = plan.trials.map(\.run)
            let isDone = try series.series(rank, folder).run(
                series.chosen(of: runs), settings: series.ownSettings,
                judge: { _, path in rank.isRoot ? try Tuning.result(of: path) : nil },
                failed: { $0.kind == .divergence ? TrialResult(failure: $0.description) : nil }
            ) { run, result in
                guard let place = runs.firstIndex(of: run) else { return }
                let name = "training \(place + 1) of \(runs.count), \(run.name)"
                let tried = plan.trials[place].settings.joined(separator: " ")
                guard let result else { return Messages.note("\(name): \(tried.isEmpty ? "as it is" : tried)") }
                let dice = result.dice.map { String(format: "%.3f", $0) } ?? result.failure ?? "unknown"
                Messages.note("\(name): best validation Dice \(dice)")
            }
            guard isDone else { return SeriesOptions.stopped(rank) }
            if series.only == nil { try rank.onRoot { try show(Tuning(plan, in: folder), folder) } }
            return 0
        }
    }

    private var newPlan: TuningPlan {
        get throws {
            try TuningPlan(
                methods: NumberList.names(methods ?? ""), trials: trials, seed: searchSeed, preset: series.preset,
                file: series.config, settings: series.settings, data: series.data, warn: Messages.warn)
        }
    }

    private func plan(in folder: SeriesFolder) throws -> TuningPlan {
        let plan = try newPlan
        if let old = try folder.readPlan(TuningPlan.self) {
            try PlannedRun.check(plan.trials.map(\.run), continue: old.trials.map(\.run), in: folder.path)
        }
        _ = try series.chosen(of: plan.trials)
        try folder.begin(plan, access: plan.trials[0].run.settings().access)
        return plan
    }

    private func show(_ tuning: Tuning, _ folder: SeriesFolder) throws {
        try tuning.plan.trials.first?.run.settings().access.apply()
        try tuning.write(to: folder.path)
        try Console.print(tuning.text(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
    }
}
