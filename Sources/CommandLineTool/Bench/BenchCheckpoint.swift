import ArgumentParser
import Federation
import Foundation

/// `fedcrld bench checkpoint`: what checkpoints cost a run.
struct BenchCheckpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Measure how long training waits for its checkpoints.",
        discussion: """
            Trains phantoms for some rounds with a checkpoint after each, on the ranks that it is started with, and deletes \
            them. What counts is the largest part of a rank's time that it waited for files instead of computing.

              mpirun -n 3 fedcrld bench checkpoint --folder /scratch/me
            """)

    @OptionGroup var options: BenchRunOptions
    @Option(help: "The preset: tiny, small or paper.")
    var preset = "small"
    @Option(help: "Centers.")
    var centers = 4
    @Option(help: "Subjects of a center, half of whose volumes are trained on.")
    var subjects = 4
    @Option(help: "Slices x rows x columns of the phantoms.")
    var size = VolumeExtent(depth: 10, height: 128, width: 128)
    @Option(help: "Rounds.")
    var rounds = 3

    func run() throws {
        try MPIJob.run { rank in
            let run = try BenchRun(rank, in: options.folder)
            let figures = try run.figures(
                centers: centers, subjects: subjects, size: size, preset: preset,
                settings: ["rounds=\(rounds)", "evaluate_every=0", "checkpoint.every=1"] + options.settings)
            if let figures { try report(figures, ranks: rank.size) }
            return 0
        }
    }

    private func report(_ figures: BenchRun.Figures, ranks: Int) throws {
        let round = median(figures.roundSeconds)
        let seconds = median(figures.checkpoints.map(\.seconds))
        let bytes = figures.checkpoints.last?.bytes ?? 0
        guard !options.json else {
            return try Console.json([
                "preset": .text(preset), "centers": .integer(centers), "ranks": .integer(ranks),
                "round_seconds": .number(round), "wait_share": .number(figures.checkpointShare),
                "checkpoint_seconds": .number(seconds), "checkpoint_bytes": .integer(bytes),
                "peak_mib": .list(figures.memory.map { .integer($0) }),
            ])
        }
        try Console.print(
            """
            \(preset) preset, \(centers) centers on \(ranks) rank\(ranks == 1 ? "" : "s"): a round takes \
            \(String(format: "%.1f", round)) s
            checkpoints of \(bytes >> 20) MiB, complete \(String(format: "%.2f", seconds)) s after the round's end
            training waited for files \(String(format: "%.2f", 100 * figures.checkpointShare)) % of its time \
            (the rank that waited most)
            """)
    }
}
