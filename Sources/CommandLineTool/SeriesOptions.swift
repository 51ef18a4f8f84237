import ArgumentParser
import Comparisons
import Federation
import MPI

/// What `compare` and `tune` have in common: data, settings, and how their trainings run here.
struct SeriesOptions: ParsableArguments {
    @Option(help: .init("The folder of cohorts.", valueName: "folder"))
    var data: String?
    @Option(help: .init("The folder of plan, trainings and results.", valueName: "folder"))
    var out: String
    @Option(help: .init("Where settings start from: tiny, small (the default) or paper.", valueName: "name"))
    var preset: String?
    @Option(help: .init("A YAML file of settings.", valueName: "file"))
    var config: String?
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
    @Option(
        name: .customLong("max-hours"),
        help: .init("End in good order, with status 75, before so many hours are over.", valueName: "hours"))
    var maxHours: Double?
    @Option(
        help: .init(
            "Minutes without a sign of life from a rank until the job is ended with a message that names it; 0: never.",
            valueName: "minutes"))
    var patience = 30.0
    @Option(
        help: .init("A folder on the node's own disk for the centers that are not in memory.", valueName: "folder"))
    var scratch: String?

    func validate() throws {
        if let maxHours, !(maxHours > 0 && maxHours.isFinite) {
            throw ValidationError("--max-hours \(maxHours) is not a positive number of hours")
        }
        guard patience >= 0, patience.isFinite else {
            throw ValidationError("--patience \(patience) is not a number of minutes")
        }
        if let only { _ = try NumberList.parse(only, option: "--only") }
    }

    /// Settings that are this job's, not the trainings': how they run here.
    var ownSettings: [String] { settings.filter { $0.hasPrefix("threads=") } }

    /// The trainings of a rank's job.
    func series(_ rank: RankContext, _ folder: SeriesFolder) -> RunSeries {
        var options = RunOptions()
        (options.maxHours, options.scratch) = (maxHours, scratch)
        return RunSeries(rank, folder, options: options, patience: patience > 0 ? 60 * patience : nil)
    }

    /// Those of some trainings that this job is to do.
    func chosen<Element>(of all: [Element]) throws -> [Element] {
        guard let only else { return all }
        return try NumberList.parse(only, option: "--only").map { number in
            guard number >= 1, number <= UInt64(all.count) else {
                throw FederationError(
                    kind: .configuration, attempted: "train", subject: "number \(number) (--only \(only))",
                    reason: "there are \(all.count) trainings", remedy: "give numbers from 1 to \(all.count)")
            }
            return all[Int(number) - 1]
        }
    }

    /// The plan that a folder holds.
    func plan<Plan: Decodable>(_ type: Plan.Type, in folder: SeriesFolder) throws -> Plan {
        if let plan = try folder.readPlan(type) { return plan }
        throw FederationError(
            kind: .configuration, attempted: "make the tables of", subject: folder.path,
            reason: "there is no plan.json in it", remedy: "give the --out of the command that made it")
    }

    /// Does what one rank is enough for: the others of an MPI launch do nothing.
    static func onOneRank(_ body: () throws -> Void) throws {
        guard MPIEnvironment.launchedRank <= 0 else { return }
        try body()
    }

    /// The exit status of a series that was stopped in good order.
    static func stopped(_ rank: RankContext) -> Int32 {
        if rank.isRoot {
            Messages.error(
                "stopped before the last training, as a signal or the limit of time asked; the same command continues")
        }
        return 75
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

    /// Names, separated by commas.
    static func names(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
