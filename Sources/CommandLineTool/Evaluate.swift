import ArgumentParser
import CardiacMR
import Federation
import Tensors

/// `fedcrld evaluate`: how well the centers' networks segment held-out volumes.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure every center's network on held-out cases: Dice, distances, volumes, heart function.",
        discussion: """
            Each case is segmented by its own center's network, and compared voxel for voxel on the image's own grid. \
            Tables: the mean Dice of each center and class; Dice, HD95 and ASSD as mean ± standard deviation and median; \
            volumes, ejection fractions and myocardial mass against the truth's, with bias, Bland and Altman's limits and \
            correlation. --out writes every case as CSV and JSON, --json prints it.

            Where both segmentations are empty ("absent") Dice says nothing and is left out, or counts as 1 (--set evaluate_absent=one); \
            where one is ("missed") it is 0. Neither has a distance. ECE is the expected calibration error in 15 bins, Brier the \
            squared distance of the probabilities, both over voxels that are foreground in truth or prediction, as the network \
            sees them. \
            HD95 is the larger of the two directed 95th percentiles, ASSD the mean of the two directed means. A case that \
            cannot be used is listed ("left_out") and costs the others nothing.
            """)

    @Option(name: .customLong("run"), help: .init("The folder of the run.", valueName: "folder"))
    var folder: String
    @Option(help: "The cases of which split.")
    var split = Split.test
    @OptionGroup var reading: ReadingOptions
    @Option(
        help: .init("The folder of cohorts; by default the one that the run was trained on.", valueName: "folder"))
    var data: String?
    @Option(help: .init("Only this center; all by default.", valueName: "name"))
    var center: String?
    @Option(
        help: .init(
            "A folder to write cases.csv, function.csv and evaluation.json to; made where needed.",
            valueName: "folder"))
    var out: String?
    @Flag(help: "Print one JSON object, with every case.")
    var json = false

    func run() throws {
        let (scores, round, absent) = try reading.read(folder) { access in
            (try self.scores(access), access.manifest.round, access.configuration.evaluateAbsent)
        }
        let summary = ScoreSummary(scores.map(\.means))
        let object: MetricsValue = [
            "round": .integer(round), "split": .text(split.rawValue),
            "mean_dice": summary.mean.map(MetricsValue.number) ?? .null,
            "summary": .object(summary.metrics), "absent": .text(absent.rawValue),
            "centers": .object(Dictionary(uniqueKeysWithValues: scores.map { ($0.center, $0.detailedMetrics) })),
        ]
        if let out { try EvaluationFiles.write(scores, json: object, to: out) }
        if json { return try Console.json(object) }
        let style: TextTable.Style = Terminal.isUnicode() ? .unicode : .plain
        let missing = scores.reduce(0) { $0 + $1.leftOut.count }
        let leftOut =
            missing == 0
            ? ""
            : "\nLeft out, because they could not be used: \(missing)\n"
                + scores.flatMap { score in
                    score.leftOut.sorted { $0.key < $1.key }.map { "  \($0.key) of \(score.center): \($0.value)\n" }
                }.joined()
        try Console.print(
            """
            Dice after round \(round), \(split.rawValue) split, on native grids

            \(TextTable.dice(scores.map(\.row)).rendered(style))
            \(summary.text(centers: scores.count, split: split.rawValue, convention: absent))
            Per class, mean ± standard deviation over the cases

            \(TextTable.classSummaries(scores).rendered(style))
            Calibration of the foreground, mean ± standard deviation over the cases

            \(TextTable.calibration(scores).rendered(style))
            Heart function, prediction − truth

            \(TextTable.function(scores).rendered(style))\(leftOut)
            """, terminator: "")
    }

    private func scores(_ access: RunAccess) throws -> [CenterScore] {
        let all = try access.cohorts(data: data)
        if let out {
            try Output.refuseInputs(
                EvaluationFiles.names.map { "\(out)/\($0)" }, inputs: access.files + all.flatMap(\.files))
        }
        let cohorts = all.filter { center == nil || $0.center == center }
        guard !cohorts.isEmpty else {
            throw FederationError(
                kind: .configuration, attempted: "evaluate", subject: "center \(center ?? "")",
                reason: "the data has no such center", remedy: "choose one of \(access.centers.joined(separator: ", "))"
            )
        }
        let evaluation = Evaluation(
            try CenterData(access.configuration, capacity: 1, warn: Messages.warn),
            absent: access.configuration.evaluateAbsent)
        return try cohorts.map { cohort in
            try evaluation.score(
                cohort, split: split, by: access.segmenter(of: cohort.center, cohorts: all), measuring: true)
        }
    }
}

extension Split: ExpressibleByArgument {}
