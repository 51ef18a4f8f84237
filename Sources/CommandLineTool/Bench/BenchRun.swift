import ArgumentParser
import CardiacMR
import Federation
import Files
import Foundation
import MPI

/// A short run on phantoms in a folder of its own, for what only whole runs show.
struct BenchRun {
    /// What was measured, on the root.
    struct Figures {
        /// Seconds of each round after the first, which also reads the images.
        var roundSeconds: [Double]
        /// The largest part of its time that a rank waited for files.
        var checkpointShare: Double
        /// From the beginning of a checkpoint to its being complete, and its bytes, for each.
        var checkpoints: [(seconds: Double, bytes: Int)]
        /// Peak resident memory of each rank, in MiB.
        var memory: [Int]
        /// Every rank's seconds of this run by phase, and in all (``PhaseClock/record``).
        var phases: [[Double]] = []
        /// What every rank has moved, by what the calls do.
        var traffic: [[String: Traffic]] = []
        /// Values that go to every rank in a round, and of which the sums come back.
        var exchangedValues = 0
    }

    let rank: RankContext
    /// Where data and run are; gone at the end.
    private let folder: String

    /// - Parameter parent: a folder on the file system that is to be measured; the same on all ranks.
    init(_ rank: RankContext, in parent: String) throws {
        self.rank = rank
        let identifier = try rank.communicate { ranks throws(MPIError) in
            try ranks.broadcastBytes(rank.isRoot ? Array(UUID().uuidString.utf8) : nil)
        }
        folder = "\(parent)/fedcrld-bench-\(String(decoding: identifier, as: UTF8.self))"
    }

    /// Simulates, trains with the settings, measures and cleans up. On all ranks; nil where it is not the root.
    func figures(centers: Int, subjects: Int, size: VolumeExtent, preset: String, settings: [String]) throws -> Figures?
    {
        if rank.isRoot {
            let phantoms = PhantomSettings(
                centers: centers, subjects: subjects, depth: size.depth, height: size.height, width: size.width)
            _ = try PhantomSimulator(phantoms).write(to: "\(folder)/data")
            // Else disk and memory are still busy with them in the rounds.
            sync()
            UnusedMemory.giveBack()
        }
        try rank.communicate { ranks throws(MPIError) in try ranks.barrier() }
        defer { if rank.isRoot { try? DurableFile.remove(folder) } }
        ProcessMemory.resetRecentPeak()
        rank.communicator.resetAccounting()
        let before = rank.clock.record
        // Of the runs before this one, too.
        let earlier = try rank.gather(before) ?? []
        var request = RunRequest()
        (request.data, request.out, request.preset) = ("\(folder)/data", "\(folder)/run", preset)
        request.settings = settings
        request.options.isQuiet = true
        // Of all centers, which is nothing that a round does.
        request.options.evaluatesTest = false
        let run = try RunStart(rank).prepare(request)
        _ = try run.run()
        let traffic = try JSONEncoder().encode(rank.communicator.traffic)
        let everyTraffic = try rank.communicate { ranks throws(MPIError) in try ranks.gatherBytes(Array(traffic)) }
        let spent = zip(rank.clock.record, before).map { $0 - $1 }
        let share = spent[RunPhase.checkpoint.rawValue] / (spent.last ?? 1)
        let gathered = try rank.communicate { ranks throws(MPIError) in
            try ranks.gather([Int64(ProcessMemory.recentPeakMebibytes), Int64(1e6 * share)])
        }
        guard let gathered else { return nil }
        var figures = Figures(
            roundSeconds: [], checkpointShare: gathered.map { Double($0[1]) * 1e-6 }.max() ?? 0, checkpoints: [],
            memory: gathered.map { Int($0[0]) })
        figures.exchangedValues = run.exchangedValues
        figures.traffic = try (everyTraffic ?? []).map {
            try JSONDecoder().decode([String: Traffic].self, from: Data($0))
        }
        for line in try String(contentsOfFile: "\(folder)/run/metrics.jsonl", encoding: .utf8).split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            let seconds = object["seconds"] as? Double ?? 0
            switch object["kind"] as? String {
            case "round": figures.roundSeconds.append(seconds)
            case "checkpoint": figures.checkpoints.append((seconds, object["bytes"] as? Int ?? 0))
            case "phases":
                let ranks = object["ranks"] as? [[Double]] ?? []
                figures.phases = zip(ranks, earlier).map { zip($0, $1).map { $0 - $1 } }
            default: continue
            }
        }
        if figures.roundSeconds.count > 1 { figures.roundSeconds.removeFirst() }
        return figures
    }
}

/// What benchmarks of runs have in common.
struct BenchRunOptions: ParsableArguments {
    @Option(
        help: .init(
            "A folder on the file system that is to be measured, which all ranks see.", valueName: "folder"))
    var folder = FileManager.default.temporaryDirectory.path
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init("A setting of the run. May be repeated.", valueName: "key=value"))
    var settings: [String] = []
    @Flag(help: "Print one JSON object.")
    var json = false
}

/// The middle of some numbers.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
