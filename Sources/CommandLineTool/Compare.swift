import ArgumentParser
import Comparisons
import Federation
import Files
import Foundation

/// `fedcrld compare`: several methods on the same data, splits and seeds.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train several methods on the same centers and compare them, on any number of MPI ranks.",
        discussion: """
            Every method is trained with every seed, each in a run folder of its own (OUT/runs), and its best checkpoint on \
            validation cases is evaluated on the test cases. The tables have Dice, worst center, distances, heart function, \
            calibration and cost, and for each method the paired difference from the reference with an interval by a bootstrap of \
            patients and Wilcoxon's test, corrected after Holm.

              mpirun -n 3 fedcrld compare --data data --out comparison --methods fedavg,fedprox,fedcrld --seeds 1,2,3
              fedcrld compare --out comparison --tables

            Started again with the same options it passes over what is done and continues what was stopped; more methods and \
            seeds may be added. A signal or --max-hours end it as they end a training, with status 75.

            OUT/comparison.html, .csv (every case), .json and .tex (booktabs) are the result.
            """)

    @OptionGroup var series: SeriesOptions
    @Option(
        help: .init(
            "Methods, separated by commas, or all. NAME-matched is a method whose network has the reference's size.",
            valueName: "names"))
    var methods: String?
    @Option(help: .init("Seeds, separated by commas.", valueName: "numbers"))
    var seeds = "1"
    @Option(
        help: .init(
            "Cross-validation by so many parts of each center's subjects, instead of the cohorts' splits.",
            valueName: "number"))
    var folds = 0
    @Option(
        name: .customLong("leave-out"),
        help: .init(
            "Train without this center and measure how it is served then; several, separated by commas, or each, in turn.",
            valueName: "names"))
    var leaveOut: String?
    @Option(
        name: .customLong("few-shot"),
        help: .init(
            "With --leave-out: labelled subjects of the center that a network of its own is trained on, one way for each number.",
            valueName: "numbers"))
    var fewShot = "2,5"
    @Option(
        name: .customLong("few-shot-epochs"),
        help: .init("With --leave-out: passes over these subjects.", valueName: "number"))
    var fewShotEpochs = 20
    @Flag(help: "Compare the methods' ablations, too: each without one of its parts.")
    var ablations = false
    @Option(help: .init("The method that the others are compared with.", valueName: "name"))
    var reference = "fedcrld"
    @Option(
        help: .init(
            "The center whose gain is shown by itself; by default the one whose classes no other center has.",
            valueName: "name"))
    var distant: String?
    @Option(
        help: .init("A folder with METHOD.yaml for each method that `fedcrld tune` has tuned.", valueName: "folder"))
    var tuned: String?
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        _ = try NumberList.parse(seeds, option: "--seeds")
        _ = try NumberList.methods(methods, isOptional: series.tables)
        _ = try NumberList.parse(fewShot, option: "--few-shot")
        guard (1...10_000).contains(fewShotEpochs) else {
            throw ValidationError("--few-shot-epochs \(fewShotEpochs) is not a number from 1 to 10000")
        }
        guard folds == 0 || (3...100).contains(folds) else {
            throw ValidationError("--folds \(folds) is not 0 or a number from 3 to 100")
        }
    }

    func run() throws {
        try series.run(
            plan: { try ComparisonPlan(request, warn: Messages.warn) },
            judge: { rank, plan, folder in try RunJudge(rank, plan.fewShot).judge(folder) },
            failed: { .failed($0.description) },
            tell: { _, _, result in
                guard let result else { return "begins" }
                if let failure = result.failure { return failure }
                let scores = result.unseen.map { [$0["ensemble"]].compactMap { $0 } } ?? result.scores
                let dice = ScoreSummary(scores.map(\.means)).mean
                return "mean test Dice \(dice.map { String(format: "%.3f", $0) } ?? "unknown")"
            },
            show: { plan, folder in
                let comparison = try Comparison(plan, in: folder)
                try comparison.write(to: folder.path)
                if json { return try Console.json(comparison.json) }
                let style: TextTable.Style = Terminal.isUnicode() ? .unicode : .plain
                try Console.print("\(comparison.text(style))\n\(folder.path)/comparison.html")
            })
    }

    private var request: ComparisonPlan.Request {
        get throws {
            var request = ComparisonPlan.Request()
            request.methods = try NumberList.methods(methods)
            request.hasAblations = ablations
            request.leaveOut = leaveOut
            request.fewShot = ComparisonPlan.FewShot(
                subjects: try NumberList.parse(fewShot, option: "--few-shot").map { Int(clamping: $0) },
                epochs: fewShotEpochs)
            request.seeds = try NumberList.parse(seeds, option: "--seeds")
            (request.folds, request.reference, request.distant) = (folds, reference, distant)
            (request.data, request.preset, request.file) = (series.data, series.start.preset, series.start.config)
            (request.settings, request.tuned) = (series.settings, tuned)
            return request
        }
    }
}
