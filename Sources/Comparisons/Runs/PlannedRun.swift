import CardiacMR
import Federation
import Files
import Foundation

/// One training of a comparison or of a search for settings.
package struct PlannedRun: Codable, Equatable, Sendable {
    /// The name of its folder.
    package var name: String
    /// What is compared: a method, or one with some settings.
    package var variant: String
    /// The run's seed.
    package var seed: UInt64
    /// The part that is tested on in a cross-validation; nil where cohorts have their own splits.
    package var fold: Int?
    /// The center that does not take part; nil where all do.
    package var leftOut: String?
    /// Every setting, as `config.yaml` says them.
    package var configuration: String

    /// A run.
    package init(
        name: String, variant: String, seed: UInt64, fold: Int? = nil, leftOut: String? = nil,
        configuration: Configuration
    ) {
        (self.name, self.variant, self.seed, self.fold) = (name, variant, seed, fold)
        self.leftOut = leftOut
        self.configuration = configuration.yaml
    }

    /// The key of a `key=value`.
    static func key(of setting: String) -> String {
        String(setting.prefix { $0 != "=" }).trimmingCharacters(in: .whitespaces)
    }

    /// Its settings.
    package func settings() throws(FederationError) -> Configuration {
        try Configuration.parse(yaml: configuration, name: "the configuration of \(name)")
    }
}

extension PlannedRun {
    /// Keys that may differ when a series goes on: results do not depend on them.
    private static let freeKeys: Set<String> = [
        "threads", "resident_centers", "balance", "access", "discreet", "preprocessing.cache", "crl.placement",
        "checkpoint.every", "checkpoint.keep", "checkpoint.keep_every",
    ]

    /// Checks that some runs continue those of a plan before: they have all of them, with the same settings.
    /// - Throws: where they do not, naming the first difference.
    package static func check(
        _ runs: [PlannedRun], continue old: [PlannedRun], in folder: String
    ) throws(FederationError) {
        func error(_ reason: String, _ remedy: String) -> FederationError {
            .usage("continue what is in", folder, reason, remedy)
        }
        for run in old {
            guard let same = runs.first(where: { $0.name == run.name }) else {
                throw error(
                    "it has the training \(run.name), which is not asked for now",
                    "ask for at least what it was begun with, or begin in another folder")
            }
            let changes = try same.settings().differences(from: run.settings())
            if let change = changes.first(where: { !freeKeys.contains($0.key) }) {
                throw error(
                    "\(run.name) has \(change.key) \(change.old) there, and \(change.new) is asked for now",
                    "ask for what it was begun with, or begin in another folder")
            }
        }
    }
}

/// What a series trains.
package protocol SeriesPlan: Codable, Sendable {
    /// All trainings, in their order.
    var runs: [PlannedRun] { get }
    /// Checks that this plan continues another, which a folder holds: it has all of its trainings, with the same settings.
    func check(continues old: Self, in folder: String) throws(FederationError)
}

/// Planned runs and what comes of them, in one folder:
///
///     OUT/plan.json              what is to be run; a file, so that any process knows
///     OUT/runs/<name>/           a run's folder, as `fedcrld train` makes it
///     OUT/results/<name>.json    what came of it, once it is known
package struct SeriesFolder: Sendable {
    /// The folder.
    package let path: String

    /// The series in `path`.
    package init(_ path: String) { self.path = path }

    /// The file of the plan.
    package var plan: String { path + "/plan.json" }
    /// The folder of a run.
    package func run(_ run: PlannedRun) -> String { "\(path)/runs/\(run.name)" }
    /// The file of a run's result.
    package func result(_ run: PlannedRun) -> String { "\(path)/results/\(run.name).json" }

    /// Reads what came of a run; nil where it is not known yet.
    package func read<Result: Decodable>(_ run: PlannedRun, as type: Result.Type) throws(FederationError) -> Result? {
        try Self.decode(
            type, at: result(run),
            remedy: "remove the file, and start the command without --tables: it is made again from the run")
    }

    /// Reads a plan; nil where there is none.
    package func readPlan<Plan: Decodable>(_ type: Plan.Type) throws(FederationError) -> Plan? {
        try Self.decode(
            type, at: plan,
            remedy: "give the folder of this very command (compare and tune have one each), or begin in another")
    }

    /// Makes the folders that a series needs, and writes its plan.
    /// - Parameter access: who may read them.
    package func begin(_ plan: some Encodable, access: FileAccess) throws {
        access.apply()
        let other = ["config.yaml", "checkpoints", Cohort.fileName].first {
            FileManager.default.fileExists(atPath: "\(path)/\($0)")
        }
        let isData = (try? Cohort.loadAll(data: path)) != nil
        guard other == nil, !isData else {
            throw FederationError.usage(
                "write into", path, isData || other == Cohort.fileName ? "it holds cohorts" : "it holds a run",
                "choose another folder")
        }
        for name in ["runs", "results"] { try DurableFile.makeFolder("\(path)/\(name)") }
        try Self.encode(plan, to: self.plan)
    }

    /// Writes a file of the series, whole or not at all.
    package static func encode(_ value: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        let bytes = [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
        // The tasks of a job array write the same plan.
        _ = try bytes.withUnsafeBytes { try DurableFile.write($0, to: path, isShared: true) }
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, at path: String, remedy: String
    ) throws(FederationError) -> Value? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do { return try JSONDecoder().decode(type, from: Data(contentsOf: URL(filePath: path))) } catch {
            throw FederationError(
                attempted: "read", subject: path, reason: "it is damaged, or of another command", remedy: remedy,
                cause: error)
        }
    }
}
