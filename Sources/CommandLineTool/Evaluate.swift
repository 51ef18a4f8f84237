import ArgumentParser
import CardiacMR
import Federation
import Tensors

/// `fedcrld evaluate`: how well the centers' networks segment held-out volumes.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the Dice of every center's network on held-out cases.",
        discussion: """
            Each case is segmented by its own center's network, and compared voxel for voxel on the image's own grid. The \
            table has the mean of each class over the cases, --json every case.

            Dice is 1 where both segmentations are empty and 0 where one is.
            """)

    @Option(name: .customLong("run"), help: .init("The folder of the run.", valueName: "folder"))
    var folder: String
    @Option(help: "The cases of which split.")
    var split = Split.test
    @Option(help: .init("The round of the checkpoint; the newest by default.", valueName: "round"))
    var checkpoint: Int?
    @Option(
        help: .init("The folder of cohorts; by default the one that the run was trained on.", valueName: "folder"))
    var data: String?
    @Option(help: .init("Only this center; all by default.", valueName: "name"))
    var center: String?
    @Option(help: .init("Compute threads; 0: the cores available.", valueName: "number"))
    var threads = 0
    @Flag(help: "Print one JSON object, with every case.")
    var json = false

    func run() throws {
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        let access = try RunAccess(folder, round: checkpoint)
        let cohorts = try Cohort.loadAll(data: data ?? access.configuration.data ?? "")
            .filter { center == nil || $0.center == center }
        guard !cohorts.isEmpty else {
            throw FederationError(
                kind: .configuration, attempted: "evaluate", subject: "center \(center ?? "")",
                reason: "the data has no such center", remedy: "choose one of \(access.centers.joined(separator: ", "))"
            )
        }
        let evaluation = Evaluation(
            try CenterData(access.configuration, capacity: 1) { Console.error("warning: \($0)") })
        var scores: [CenterScore] = []
        for cohort in cohorts {
            let state = try access.state(of: cohort.center)
            scores.append(
                try evaluation.score(
                    cohort, split: split, state: state, relocalization: access.relocalization(of: state)))
        }
        if json {
            Console.json([
                "round": .integer(access.manifest.round), "split": .text(split.rawValue),
                "mean_dice": meanDice(scores).map(MetricsValue.number) ?? .null,
                "centers": .object(Dictionary(uniqueKeysWithValues: scores.map { ($0.center, $0.detailedMetrics) })),
            ])
            return
        }
        print("Dice after round \(access.manifest.round), \(split.rawValue) split, on native grids\n")
        print(TextTable.dice(scores.map(\.row)).rendered(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
    }
}

extension Split: ExpressibleByArgument {}
