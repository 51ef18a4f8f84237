import ArgumentParser
import Comparisons
import Federation
import Files
import MPI

/// What `compare` and `tune` have in common: data, settings, and how their trainings run here.
struct SeriesOptions: ParsableArguments {
    @Option(help: .init("The folder of cohorts.", valueName: "folder"))
    var data: String?
    @Option(help: .init("The folder of plan, trainings and results.", valueName: "folder"))
    var out: String
    @OptionGroup var start: StartingPoint
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init(
            "A setting of all trainings; a method's own are for its trainings alone. May be repeated.",
            valueName: "key=value"))
    var settings: [String] = []
    @Option(
        help: .init(
            "Train only the trainings of these numbers, from 1 (as 3 or 2-5), and make no tables: a task of a job array.",
            valueName: "numbers"))
    var only: String?
    @Flag(help: "Print how many trainings there are, and train none.")
    var count = false
    @Flag(help: "Make the tables of what is done, and train nothing.")
    var tables = false
    @OptionGroup var job: JobOptions
    @Option(
        help: .init("A folder on the node's own disk for the centers that are not in memory.", valueName: "folder"))
    var scratch: String?

    func validate() throws {
        if let only { _ = try NumberList.parse(only, option: "--only") }
    }

    /// Settings that are this job's, not the trainings': how they run here.
    var ownSettings: [String] { settings.filter { $0.hasPrefix("threads=") } }

    /// Does what a series' command does: makes tables, counts, or trains and then makes tables.
    /// - Parameters:
    ///   - plan: the plan that the command line asks for.
    ///   - judge: what came of a training in a folder, on all ranks; the result on the root.
    ///   - failed: what a training that went astray is as a result.
    ///   - tell: a training's place, and its result or, before it, nil: what is said of it.
    ///   - show: writes and prints the tables.
    func run<Plan: SeriesPlan, Result: Codable>(
        plan: () throws -> Plan, judge: (RankContext, Plan, String) throws -> Result?,
        failed: (FederationError) -> Result, tell: (Plan, Int, Result?) -> String,
        show: (Plan, SeriesFolder) throws -> Void
    ) throws {
        let folder = SeriesFolder(Path.absolute(out))
        // What one rank is enough for: the others of an MPI launch do nothing.
        let isIdle = MPIEnvironment.launchedRank > 0
        if tables { return isIdle ? () : try present(existingPlan(in: folder), folder, show) }
        if count { return isIdle ? () : try Console.print(String(try plan().runs.count)) }
        StopRequest.listen()
        try MPIJob.run { rank in
            let plan: Plan = try rank.onRoot { try begin(plan(), in: folder) }
            let runs = plan.runs
            var options = RunOptions()
            (options.maxHours, options.scratch) = (job.maxHours, scratch)
            let series = RunSeries(rank, folder, options: options, patience: job.patienceSeconds)
            let isDone = try series.run(
                chosen(of: runs), settings: settings.filter { $0.hasPrefix("threads=") },
                judge: { try judge(rank, plan, $1) }, failed: { $0.kind == .divergence ? failed($0) : nil }
            ) { run, result in
                guard let place = runs.firstIndex(of: run) else { return }
                Messages.note("training \(place + 1) of \(runs.count), \(run.name): \(tell(plan, place, result))")
            }
            guard isDone else {
                if rank.isRoot {
                    Messages.error(
                        "stopped before the last training, as a signal or the limit of time asked; the same command continues"
                    )
                }
                return JobOptions.stoppedStatus
            }
            if only == nil { try rank.onRoot { try present(plan, folder, show) } }
            return 0
        }
    }

    /// Begins with a plan, or continues the one that is in the folder.
    private func begin<Plan: SeriesPlan>(_ plan: Plan, in folder: SeriesFolder) throws -> Plan {
        if let old = try folder.readPlan(Plan.self) { try plan.check(continues: old, in: folder.path) }
        _ = try chosen(of: plan.runs)
        try folder.begin(plan, access: plan.runs[0].settings().access)
        return plan
    }

    /// Makes the tables, for whom the plan's access lets read them.
    private func present<Plan: SeriesPlan>(
        _ plan: Plan, _ folder: SeriesFolder, _ show: (Plan, SeriesFolder) throws -> Void
    ) throws {
        try plan.runs.first?.settings().access.apply()
        try show(plan, folder)
    }

    /// Those of some trainings that this job is to do.
    private func chosen(of all: [PlannedRun]) throws -> [PlannedRun] {
        guard let only else { return all }
        return try NumberList.parse(only, option: "--only").map { number in
            guard number >= 1, number <= UInt64(all.count) else {
                throw FederationError.usage(
                    "train", "number \(number) (--only \(only))", "there are \(all.count) trainings",
                    "give numbers from 1 to \(all.count)")
            }
            return all[Int(number) - 1]
        }
    }

    /// The plan that a folder holds.
    private func existingPlan<Plan: SeriesPlan>(in folder: SeriesFolder) throws -> Plan {
        if let plan = try folder.readPlan(Plan.self) { return plan }
        throw FederationError.usage(
            "make the tables of", folder.path, "there is no plan.json in it",
            "give the --out of the command that made it")
    }
}

/// Names and numbers on a command line.
enum NumberList {
    /// Whole numbers, such as `1,2,5-8`.
    static func parse(_ text: String, option: String) throws -> [UInt64] {
        var numbers: [UInt64] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map {
                UInt64($0.trimmingCharacters(in: .whitespaces))
            }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last,
                last - first < 100_000
            else {
                throw ValidationError("\(option) \(text): \"\(part)\" is not a whole number or a range such as 2-5")
            }
            numbers += Array(first...last)
        }
        guard Set(numbers).count == numbers.count else {
            throw ValidationError("\(option) \(text) has a number twice")
        }
        return numbers
    }

    /// Names of methods, separated by commas; at least one, unless `isOptional`.
    static func methods(_ text: String?, isOptional: Bool = false) throws -> [String] {
        let names = (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        guard isOptional || !names.isEmpty else {
            throw ValidationError("--methods names no method: name some, separated by commas, or all")
        }
        return names
    }
}
