import FederatedLearning
import Foundation

/// What was found before a run, and whether it can be started.
package struct PreflightReport {
    /// How much a finding matters.
    package enum Verdict: String, Sendable {
        case fine = "ok"
        case warning
        case problem
    }

    /// Something that was looked at.
    package struct Finding: Sendable {
        /// What: "cores".
        package let subject: String
        /// What was found.
        package let text: String
        /// How much it matters.
        package let verdict: Verdict
    }

    /// All that was looked at.
    package private(set) var findings: [Finding] = []
    private let ranks: [RankFacts]

    /// The number of findings of a kind.
    package func count(_ verdict: Verdict) -> Int { findings.count { $0.verdict == verdict } }

    init(
        ranks: [RankFacts], libraryVersion: String, configuration: Configuration, volumes: [Int],
        methods: [any FederatedMethod], privacy: Result<String, FederationError>?,
        probe: Result<FileSystemProbe, FederationError>, folder: String
    ) {
        self.ranks = ranks
        let nodes = Dictionary(grouping: ranks, by: \.node).sorted { $0.key < $1.key }
        lookAtRanks(nodes, centers: volumes.count)
        lookAtCores(nodes, configuration)
        lookAtPrograms(libraryVersion)
        lookAtData(volumes)
        switch privacy {
        case .success(let hidden): note("privacy", hidden)
        case .failure(let error): note("privacy", error.description, .problem)
        case nil: break
        }
        lookAtDisk(
            probe, configuration, checkpoint: methods.reduce(0) { $0 + MemoryEstimate.state($1, resting: .checkpoint) },
            snapshots: methods.reduce(0) { $0 + MemoryEstimate.state($1, resting: .history) }, folder: folder)
        lookAtMemory(nodes)
        lookAtTime(configuration)
    }

    private mutating func note(_ subject: String, _ text: String, _ verdict: Verdict = .fine) {
        findings.append(Finding(subject: subject, text: text, verdict: verdict))
    }

    private mutating func lookAtRanks(_ nodes: [(key: String, value: [RankFacts])], centers: Int) {
        let text =
            "\(ranks.count) on \(nodes.count) node\(nodes.count == 1 ? "" : "s"): "
            + nodes.map { "\($0.key) (\($0.value.count))" }.joined(separator: ", ")
        note("ranks", text)
        if ranks.count > centers + 1 {
            note("ranks", "\(centers) centers keep at most \(centers + 1) ranks busy; the others idle", .warning)
        }
    }

    private mutating func lookAtCores(_ nodes: [(key: String, value: [RankFacts])], _ configuration: Configuration) {
        for (node, members) in nodes {
            // The server computes only while its clients wait for it.
            let clients = members.filter { $0.rank > 0 || ranks.count == 1 }
            let threads = clients.reduce(0) { $0 + $1.threads }
            let cores = members.map(\.machineCores).max() ?? 0
            let each = Set(members.map(\.threads)).sorted().map(String.init).joined(separator: " or ")
            let text = "\(node): \(cores) cores, \(each) threads per rank, \(threads) in use at once"
            note("cores", text, threads > cores ? .warning : .fine)
            for member in members where member.threads > member.cores {
                note(
                    "cores",
                    "rank \(member.rank) has \(member.threads) threads on \(member.cores) cores that it may use",
                    .warning)
            }
        }
        if Set(ranks.map(\.processor)).count > 1 {
            note(
                "processors",
                Set(ranks.map(\.processor)).sorted().joined(separator: ", ")
                    + ": different processors may round differently, so another distribution may give other bits",
                .warning)
        }
    }

    private mutating func lookAtPrograms(_ libraryVersion: String) {
        note("MPI", "\(libraryVersion), thread level FUNNELED or higher")
        note("OpenBLAS", "\(ranks[0].openBLAS), one thread per call")
        note("HDF5", ranks[0].hdf5)
        for (what, values) in [
            ("versions of the program", ranks.map(\.program)), ("versions of OpenBLAS", ranks.map(\.openBLAS)),
            ("versions of HDF5", ranks.map(\.hdf5)),
        ] where Set(values).count > 1 {
            note(
                "libraries", "the ranks have different \(what): \(Set(values).sorted().joined(separator: "; "))",
                .problem)
        }
    }

    private mutating func lookAtData(_ volumes: [Int]) {
        let problems = ranks.flatMap { rank in rank.problems.map { "rank \(rank.rank): \($0)" } }
        let files = ranks.reduce(0) { $0 + $1.images }
        note("data", "\(volumes.count) centers, \(volumes.reduce(0, +)) training volumes, \(files) files read")
        for problem in problems.prefix(20) { note("data", problem, .problem) }
        if problems.count > 20 { note("data", "and \(problems.count - 20) problems more", .problem) }
        let oddities = ranks.flatMap { rank in rank.oddities.map { "rank \(rank.rank): \($0)" } }
        for oddity in oddities.prefix(20) { note("data", oddity, .warning) }
        if oddities.count > 20 { note("data", "and \(oddities.count - 20) warnings more", .warning) }
        for rank in ranks {
            if let problem = rank.scratchProblem { note("scratch", "rank \(rank.rank): \(problem)", .problem) }
        }
    }

    private mutating func lookAtDisk(
        _ probe: Result<FileSystemProbe, FederationError>, _ configuration: Configuration, checkpoint: Int,
        snapshots: Int, folder: String
    ) {
        switch probe {
        case .failure(let error): note("run folder", error.description, .problem)
        case .success(let probe):
            note(
                "run folder",
                String(
                    format: "%@ on %@: %.0f MiB/s with fsync, rename in %.1f ms, %@, %@", probe.folder, probe.type,
                    probe.writeSpeed / 0x1p20, 1e3 * probe.renameSeconds,
                    probe.hasHardLinks ? "hard links" : "no hard links",
                    probe.hasLocks ? "locks (not needed)" : "no locks (none needed)"))
            if !probe.hasHardLinks {
                note("run folder", "without hard links each state of a checkpoint is written twice", .warning)
            }
            // Checkpoints that are kept, the one being written, the one that the run continued from, and the history.
            let kept = configuration.checkpoint.keep + 2
            let part = configuration.participation < 1 ? "at most " : ""
            let needed = checkpoint * kept + snapshots * (configuration.historyDepth + kept)
            let text =
                "\(part)\(Self.size(needed)) for \(kept) checkpoints of \(Self.size(checkpoint + snapshots))\(snapshots > 0 ? " and banks" : ""), "
                + "\(Self.size(probe.freeBytes)) are free"
            let isEnough = needed < probe.freeBytes
            note("space", text, isEnough ? .fine : configuration.participation < 1 ? .warning : .problem)
        }
    }

    private mutating func lookAtMemory(_ nodes: [(key: String, value: [RankFacts])]) {
        for (node, members) in nodes {
            let needed = members.reduce(0) { $0 + $1.neededMebibytes }
            let free = members.map(\.freeMebibytes).min() ?? 0
            let most = members.map(\.neededMebibytes).max() ?? 0
            note(
                "memory", "\(node): \(needed) MiB, at most \(most) MiB for a rank; \(free) MiB are free",
                needed > free ? .problem : 10 * needed > 9 * free ? .warning : .fine)
        }
    }

    private mutating func lookAtTime(_ configuration: Configuration) {
        let times = ranks.compactMap { rank -> Double? in
            rank.stepSeconds.map { $0 * Double(rank.volumes * configuration.localEpochs) * configuration.participation }
        }
        guard let slowest = times.max(), let step = ranks.compactMap(\.stepSeconds).max() else { return }
        let extents = Set(ranks.map(\.stepVolume).filter { !$0.isEmpty }).sorted().joined(separator: ", ")
        note(
            "time",
            String(format: "a step takes up to %.2g s (%@), ", step, extents)
                + "a round about \(slowest < 10 ? String(format: "%.2g s", slowest) : RunProgress.duration(slowest)), "
                + "\(configuration.rounds) rounds \(RunProgress.duration(slowest * Double(configuration.rounds)))")
    }

    private static func size(_ bytes: Int) -> String {
        bytes >= 10 << 30
            ? String(format: "%.0f GiB", Double(bytes) / 0x1p30) : String(format: "%.0f MiB", Double(bytes) / 0x1p20)
    }

    // MARK: Output

    /// The findings as a table, and what each rank does as another.
    package func text(_ style: TextTable.Style) -> String {
        var table = TextTable(columns: [.init("what", .left), .init("found", .left), .init("verdict", .left)])
        for finding in findings {
            for (number, line) in Self.wrapped(finding.text).enumerated() {
                table.append(number > 0 ? ["", line, ""] : [finding.subject, line, finding.verdict.rawValue])
            }
        }
        var perRank = TextTable(columns: [
            .init("rank"), .init("node", .left), .init("centers"), .init("volumes"), .init("threads"), .init("step s"),
            .init("needs MiB"),
        ])
        let shown = ranks.prefix(64)
        for rank in shown {
            perRank.append([
                String(rank.rank), rank.node, String(rank.centers), String(rank.volumes), String(rank.threads),
                rank.stepSeconds.map { String(format: "%.3g", $0) } ?? "-", String(rank.neededMebibytes),
            ])
        }
        let more = ranks.count > shown.count ? "and \(ranks.count - shown.count) ranks more\n" : ""
        return perRank.rendered(style) + more + "\n" + table.rendered(style) + "\n" + conclusion + "\n"
    }

    /// Lines of at most a table's width, broken between words.
    private static func wrapped(_ text: String) -> [String] {
        text.split(separator: " ").reduce(into: [String]()) { lines, word in
            if let last = lines.last, last.count + word.count < longestLine {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }

    private static let longestLine = 90

    private var conclusion: String {
        let (problems, warnings) = (count(.problem), count(.warning))
        let tail = warnings > 0 ? ", with \(warnings) warning\(warnings == 1 ? "" : "s")" : ""
        return problems > 0 ? "not ready: \(problems) problem\(problems == 1 ? "" : "s")\(tail)" : "ready\(tail)"
    }

    /// The same for a program.
    package var metrics: MetricsValue {
        [
            "ready": .bool(count(.problem) == 0),
            "findings": .list(
                findings.map {
                    ["what": .text($0.subject), "found": .text($0.text), "verdict": .text($0.verdict.rawValue)]
                }),
            "ranks": .list(
                ranks.map {
                    [
                        "rank": .integer($0.rank), "node": .text($0.node), "centers": .integer($0.centers),
                        "volumes": .integer($0.volumes), "threads": .integer($0.threads),
                        "step_seconds": $0.stepSeconds.map(MetricsValue.number) ?? .null,
                        "needed_mib": .integer($0.neededMebibytes), "free_mib": .integer($0.freeMebibytes),
                    ]
                }),
        ]
    }
}
