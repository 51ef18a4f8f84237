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
        _ = try NumberList.methods(methods, isOptional: series.tables)
        guard (1...10_000).contains(trials) else {
            throw ValidationError("--trials \(trials) is not a number from 1 to 10000")
        }
    }

    func run() throws {
        try series.run(
            plan: {
                try TuningPlan(
                    methods: NumberList.methods(methods), trials: trials, seed: searchSeed, preset: series.start.preset,
                    file: series.start.config, settings: series.settings, data: series.data, warn: Messages.warn)
            },
            judge: { rank, _, folder in rank.isRoot ? try Tuning.result(of: folder) : nil },
            failed: { TrialResult(failure: $0.description) },
            tell: { plan, place, result in
                let tried = plan.trials[place].settings.joined(separator: " ")
                guard let result else { return tried.isEmpty ? "as it is" : tried }
                let dice = result.dice.map { String(format: "%.3f", $0) } ?? result.failure ?? "unknown"
                return "best validation Dice \(dice)"
            },
            show: { plan, folder in
                let tuning = try Tuning(plan, in: folder)
                try tuning.write(to: folder.path)
                try Console.print(tuning.text(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
            })
    }
}
