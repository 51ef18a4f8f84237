import ArgumentParser
import Federation
import Foundation
import MPI

/// `fedcrld bench scale`: time and memory by the number of centers.
struct BenchScale: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Measure time and memory of a round by the number of centers.",
        discussion: """
            For each number of centers, trains phantoms for some rounds in which as many take part, on the ranks that it is \
            started with: rounds should take as long, and ranks need as much memory, however many centers there are.

              mpirun -n 3 fedcrld bench scale --centers 10 100 1000

            `scripts/bench-scaling` makes a table over numbers of ranks of it.
            """)

    @OptionGroup var options: BenchRunOptions
    @Option(parsing: .upToNextOption, help: "Numbers of centers.")
    var centers = [10, 100, 1000]
    @Option(help: "Centers that take part in a round; 0: all.")
    var participants = 10
    @Option(help: "Rounds.")
    var rounds = 4
    @Option(help: "Base width of the network.")
    var width = 4
    @Flag(help: "Tell where each run's time went, by phase, and what the ranks moved.")
    var profile = false

    func validate() throws {
        guard centers.allSatisfy({ $0 > 0 }), participants >= 0 else {
            throw ValidationError("--centers and --participants are numbers of centers")
        }
    }

    func run() throws {
        try MPIJob.run { rank in
            var rows: [(centers: Int, figures: BenchRun.Figures)] = []
            for count in centers {
                let run = try BenchRun(rank, in: options.folder)
                let part = participants == 0 ? 1 : min(1, Double(participants) / Double(count))
                let settings =
                    [
                        "rounds=\(rounds)", "local_epochs=1", "schedule=constant", "warmup_rounds=0", "width=\(width)",
                        "size=32x32", "participation=\(part)", "evaluate_every=0",
                        "crl.placement=client", "balance=true", "resident_centers=2", "checkpoint.every=1",
                    ] + options.settings
                let figures = try run.figures(
                    centers: count, subjects: 2, size: VolumeExtent(depth: 3, height: 32, width: 32), preset: "tiny",
                    settings: settings)
                if let figures { rows.append((count, figures)) }
            }
            if rank.isRoot { try report(rows, ranks: rank.size) }
            return 0
        }
    }

    private func report(_ rows: [(centers: Int, figures: BenchRun.Figures)], ranks: Int) throws {
        let client = { (figures: BenchRun.Figures) in figures.memory.dropFirst(ranks > 1 ? 1 : 0).max() ?? 0 }
        guard !options.json else {
            return try Console.json([
                "ranks": .integer(ranks), "participants": .integer(participants),
                "runs": .list(
                    rows.map {
                        [
                            "centers": .integer($0.centers), "round_seconds": .number(median($0.figures.roundSeconds)),
                            "checkpoint_seconds": .number(median($0.figures.checkpoints.map(\.seconds))),
                            "server_mib": .integer($0.figures.memory[0]), "client_mib": .integer(client($0.figures)),
                            "phases": phases($0.figures), "traffic": traffic($0.figures),
                            "exchanged_values": .integer($0.figures.exchangedValues),
                        ]
                    }),
            ])
        }
        var table = TextTable(columns: [
            .init("centers"), .init("s per round"), .init("checkpoint s"), .init("server MiB"), .init("client MiB"),
        ])
        for row in rows {
            table.append([
                String(row.centers), String(format: "%.2f", median(row.figures.roundSeconds)),
                String(format: "%.2f", median(row.figures.checkpoints.map(\.seconds))),
                String(row.figures.memory[0]), String(client(row.figures)),
            ])
        }
        let style: TextTable.Style = Terminal.isUnicode() ? .unicode : .plain
        try Console.print(table.rendered(style), terminator: "")
        guard profile else { return }
        for row in rows {
            try Console.print("\n\(row.centers) centers, \(rounds) rounds")
            try Console.print(TextTable.phases(ranks: row.figures.phases).rendered(style), terminator: "")
            if ranks > 1 { try Console.print(trafficTable(row.figures).rendered(style), terminator: "") }
        }
    }

    /// What the server and the client with most of it moved, from the run's start to its end.
    private func trafficTable(_ figures: BenchRun.Figures) -> TextTable {
        var table = TextTable(columns: [
            .init("what ranks do together", .left), .init("server calls"), .init("MiB"), .init("waited s"),
            .init("moved s"), .init("client calls"), .init("MiB"), .init("waited s"), .init("moved s"),
        ])
        let most = figures.traffic.dropFirst().max { total($0) < total($1) } ?? [:]
        for call in Set(figures.traffic.flatMap(\.keys)).sorted() {
            table.append(
                [call]
                    + [figures.traffic[0][call], most[call]].flatMap { entry in
                        let entry = entry ?? Traffic()
                        return [
                            String(entry.calls), String(format: "%.2f", Double(entry.bytes) / 1_048_576),
                            String(format: "%.2f", entry.waitSeconds), String(format: "%.2f", entry.transferSeconds),
                        ]
                    })
        }
        return table
    }

    private func total(_ traffic: [String: Traffic]) -> Int { traffic.values.reduce(0) { $0 + $1.bytes } }

    /// What each rank moved, by what the calls do.
    private func traffic(_ figures: BenchRun.Figures) -> MetricsValue {
        .list(
            figures.traffic.map { rank in
                .object(
                    rank.mapValues {
                        [
                            "calls": .integer($0.calls), "bytes": .integer($0.bytes),
                            "wait_seconds": .number($0.waitSeconds), "transfer_seconds": .number($0.transferSeconds),
                        ]
                    })
            })
    }

    /// Seconds of each rank by phase.
    private func phases(_ figures: BenchRun.Figures) -> MetricsValue {
        .object(
            Dictionary(
                uniqueKeysWithValues: RunPhase.allCases.map { phase in
                    (phase.name, .list(figures.phases.map { .number($0[phase.rawValue]) }))
                }))
    }
}
