import CardiacMR
import FederatedLearning
import Federation
import Files
import Foundation

/// What is compared: trainings of several methods on the same data, splits and seeds.
package struct ComparisonPlan: Codable, Equatable, Sendable {
    /// The variant that the others are compared with.
    package var reference: String
    /// The center whose gain is shown by itself; nil: none.
    package var distant: String?
    /// How a center that is left out gets a network of its own; nil where none is.
    package var fewShot: FewShot?
    /// All trainings, variant by variant.
    package var runs: [PlannedRun]

    /// Training on few labelled subjects.
    package struct FewShot: Codable, Equatable, Sendable {
        /// Their number, one way for each.
        package var subjects: [Int]
        /// Passes over them.
        package var epochs: Int

        /// So many subjects, so many passes.
        package init(subjects: [Int], epochs: Int) { (self.subjects, self.epochs) = (subjects, epochs) }
    }

    /// The variants in the plan's order.
    package var variants: [String] {
        runs.reduce(into: []) { names, run in
            if !names.contains(run.variant) { names.append(run.variant) }
        }
    }

    /// What is wanted of a comparison.
    package struct Request: Sendable {
        /// The folder of cohorts.
        package var data: String?
        /// Names of methods; `NAME-matched` is a method with a network as large as the reference's.
        package var methods: [String] = []
        /// Whether each method's ablations are compared, too.
        package var hasAblations = false
        /// The seeds that each is trained with.
        package var seeds: [UInt64] = [1]
        /// Parts of a cross-validation; 0: the cohorts' own splits.
        package var folds = 0
        /// Centers that are left out in turn, each measured then as one that was never met; none: all take part.
        package var leaveOut: [String] = []
        /// How these get networks of their own.
        package var fewShot = FewShot(subjects: [2, 5], epochs: 20)
        /// The method that the others are compared with.
        package var reference = "fedcrld"
        /// The center whose gain is shown by itself; nil: the one whose classes no other center has, if there is one.
        package var distant: String?
        /// Preset, YAML file and `key=value` of all trainings. Settings of a method are for its trainings alone.
        package var preset: String?
        /// See ``preset``.
        package var file: String?
        /// See ``preset``.
        package var settings: [String] = []
        /// A folder with a file `METHOD.yaml` for each method that was tuned; nil: none.
        package var tuned: String?

        /// All methods, one seed.
        package init() {}
    }

    /// Plans a comparison.
    /// - Throws: where a method is unknown, a setting does not suit it, or the data cannot be used.
    package init(_ request: Request) throws {
        var variants: [(name: String, method: String, settings: [String])] = []
        for name in request.methods {
            if let base = Self.matched(name) {
                variants.append((name, base, []))
                continue
            }
            let method = try Self.method(name)
            variants.append((name, name, []))
            guard request.hasAblations else { continue }
            for ablation in method.type.about.ablations {
                variants.append(("\(name)-\(ablation.name)", name, ablation.settings))
            }
        }
        guard variants.contains(where: { $0.name == request.reference }) else {
            throw Self.error(
                "compare with", request.reference, "it is not among the methods of this comparison",
                "name it in --methods, or another one by --reference")
        }
        reference = request.reference
        fewShot = request.leaveOut.isEmpty ? nil : request.fewShot
        runs = []
        let resolve = { (method: String, settings: [String]) throws(FederationError) -> Configuration in
            let tuned = request.tuned.map { "\($0)/\(method).yaml" }.filter(FileManager.default.fileExists)
            var configuration = try Configuration.resolve(
                preset: request.preset, files: [request.file, tuned].compactMap { $0 },
                settings: request.settings + ["method=\(method)"] + settings, data: request.data,
                leavesOutOtherMethods: true)
            configuration.makePathsAbsolute()
            return configuration
        }
        let base = try resolve(request.reference.isEmpty ? "fedcrld" : Self.baseMethod(of: request.reference), [])
        guard base.data != nil else {
            throw Self.error("compare", "without data", "no cohorts are named", "give --data")
        }
        let cohorts = try base.loadCohorts()
        distant = request.leaveOut.isEmpty ? try Self.distant(request.distant, among: cohorts) : nil
        for variant in variants {
            var configuration = try resolve(variant.method, variant.settings)
            if variant.name != variant.method, variant.settings.isEmpty {
                configuration.width = try Self.width(matching: base, of: configuration, cohorts)
            }
            // What cannot be trained is found before anything is.
            let leftOut = try Self.leftOut(request.leaveOut, among: cohorts)
            for seed in request.seeds {
                configuration.seed = seed
                for fold in request.folds > 0 ? Array(1...request.folds).map(Optional.some) : [nil] {
                    for center in leftOut.isEmpty ? [nil] : leftOut.map(Optional.some) {
                        configuration.cohorts.folds = fold == nil ? 0 : request.folds
                        configuration.cohorts.fold = fold ?? 1
                        configuration.cohorts.leftOut = center.map { [$0] } ?? []
                        let left = try configuration.loadCohorts()
                        _ = try configuration.methods(of: Participant.all(left, of: configuration.method))
                        let name =
                            "\(variant.name)-seed-\(seed)" + (fold.map { "-fold-\($0)" } ?? "")
                            + (center.map { "-without-\($0)" } ?? "")
                        runs.append(
                            PlannedRun(
                                name: name, variant: variant.name, seed: seed, fold: fold, leftOut: center,
                                configuration: configuration))
                    }
                }
            }
        }
    }

    /// Checks that this plan continues another: all of its trainings, with the same settings.
    package func check(continues old: ComparisonPlan, in folder: String) throws(FederationError) {
        try PlannedRun.check(runs, continue: old.runs, in: folder)
        guard fewShot == old.fewShot else {
            throw Self.error(
                "continue what is in", folder,
                "other numbers of labelled subjects or epochs are asked for now (--few-shot)",
                "ask for what it was begun with, or begin in another folder")
        }
    }

    // MARK: Variants

    /// A method by its name.
    static func method(_ name: String) throws(FederationError) -> Configuration.Method {
        if let method = Configuration.Method(rawValue: name) { return method }
        let names = Configuration.Method.allCases.map(\.rawValue)
        let nearest = EditDistance.nearest(to: name, among: names).map { " (the nearest is \($0))" } ?? ""
        throw error(
            "compare", name, "there is no such method\(nearest)", "choose among \(names.joined(separator: ", "))")
    }

    /// The method that `NAME-matched` is; nil for other names.
    private static func matched(_ name: String) -> String? {
        guard name.hasSuffix("-matched") else { return nil }
        let base = String(name.dropLast("-matched".count))
        return Configuration.Method(rawValue: base).map(\.rawValue)
    }

    /// The method of a variant.
    private static func baseMethod(of variant: String) -> String { matched(variant) ?? variant }

    /// The width, a multiple of 4, at which a network has the number of parameters that is nearest to another's.
    private static func width(
        matching other: Configuration, of configuration: Configuration, _ cohorts: [Cohort]
    ) throws(FederationError) -> Int {
        func parameters(_ configuration: Configuration) throws(FederationError) -> Int {
            let participants = Participant.all(cohorts, of: configuration.method)
            return try configuration.methods(of: participants).values.map(\.networkParameters).max() ?? 0
        }
        let wanted = try parameters(other)
        var best = (width: 4, distance: Int.max)
        for width in stride(from: 4, through: min(1024, 4 * other.width), by: 4) {
            var changed = configuration
            changed.width = width
            let distance = abs(try parameters(changed) - wanted)
            if distance < best.distance { best = (width, distance) }
        }
        return best.width
    }

    /// The centers that are left out in turn.
    private static func leftOut(_ wanted: [String], among cohorts: [Cohort]) throws(FederationError) -> [String] {
        if wanted == ["each"] { return cohorts.map(\.center) }
        for name in wanted where !cohorts.contains(where: { $0.center == name }) {
            throw error(
                "leave out", "center \(name)", "the data has no such center",
                "choose among \(cohorts.map(\.center).joined(separator: ", ")), or say each")
        }
        return wanted
    }

    /// The center that is shown by itself.
    private static func distant(_ wanted: String?, among cohorts: [Cohort]) throws(FederationError) -> String? {
        if let wanted {
            guard cohorts.contains(where: { $0.center == wanted }) else {
                throw error(
                    "show", "center \(wanted)", "the data has no such center",
                    "choose among \(cohorts.map(\.center).joined(separator: ", "))")
            }
            return wanted
        }
        guard cohorts.count > 2 else { return nil }
        let alone = cohorts.filter { one in !cohorts.contains { $0.center != one.center && $0.classes == one.classes } }
        return alone.count == 1 ? alone[0].center : nil
    }

    private static func error(
        _ attempted: String, _ subject: String, _ reason: String, _ remedy: String
    ) -> FederationError {
        FederationError(
            kind: .configuration, attempted: attempted, subject: subject, reason: reason, remedy: remedy)
    }
}

extension Optional {
    fileprivate func filter(_ isKept: (Wrapped) -> Bool) -> Wrapped? { flatMap { isKept($0) ? $0 : nil } }
}
