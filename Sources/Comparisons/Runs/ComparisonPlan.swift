import CardiacMR
import FederatedLearning
import Federation
import Files
import Foundation

/// What is compared: trainings of several methods on the same data, splits and seeds.
package struct ComparisonPlan: SeriesPlan, Equatable {
    /// The variant that the others are compared with.
    package var reference: String
    /// The center whose gain is shown by itself; nil: none.
    package var distant: String?
    /// How a center that is left out gets a network of its own; nil where none is.
    package var fewShot: FewShot?
    /// CRC-32 of each center's `cohort.json` when the plan was made; nil in plans of earlier programs.
    package var cohorts: [String: String]?
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
        /// Names of methods; `NAME-matched` is a method with a network as large as the reference's, `all` stands for every one
        /// that suits the settings.
        package var methods: [String] = []
        /// Whether each method's ablations are compared, too.
        package var hasAblations = false
        /// The seeds that each is trained with.
        package var seeds: [UInt64] = [1]
        /// Parts of a cross-validation; 0: the cohorts' own splits.
        package var folds = 0
        /// Centers that are left out in turn, each measured then as one that was never met: a name, several separated by commas, or
        /// `each`; nil: all take part.
        package var leaveOut: String?
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
    /// - Parameter warn: told what is left out, or not tuned.
    /// - Throws: where a method is unknown, a setting does not suit it, or the data cannot be used.
    package init(_ request: Request, warn: (String) -> Void) throws {
        try Self.refuse(settings: request.settings)
        let base = try Self.base(request)
        let all = try base.loadCohorts()
        let variants = try Self.variants(request, all, warn)
        guard let first = variants.first(where: { $0.name == request.reference }) else {
            throw FederationError.usage(
                "compare with", request.reference, "it is not among the methods of this comparison",
                "name it in --methods, or another one by --reference")
        }
        let leftOut = try Self.leftOut(request.leaveOut, among: all)
        reference = request.reference
        fewShot = leftOut.isEmpty ? nil : request.fewShot
        let center = try Self.distant(request.distant, among: all)
        distant = leftOut.isEmpty ? center : nil
        cohorts = [:]
        for cohort in all {
            cohorts?[cohort.center] = try DurableFile.fingerprint("\(cohort.folder)/\(Cohort.fileName)").crc32
        }
        runs = []
        let choices = Self.choices(folds: request.folds, leftOut)
        for variant in variants {
            var configuration = variant.configuration
            if variant.isMatched {
                configuration.width = try Self.width(matching: first.configuration, of: configuration, all)
            }
            for choice in choices {
                configuration.cohorts = choice
                // What cannot be trained or measured is found before anything is.
                try check(configuration, all)
            }
            for seed in request.seeds {
                configuration.seed = seed
                for choice in choices {
                    configuration.cohorts = choice
                    let fold = choice.folds > 0 ? choice.fold : nil
                    let place = choice.leftOut.first.flatMap { name in all.firstIndex { $0.center == name } }
                    let name =
                        "\(variant.name)-seed-\(seed)" + (fold.map { "-fold-\($0)" } ?? "")
                        + (place.map { "-without-\(Self.fileName(all[$0].center, place: $0))" } ?? "")
                    runs.append(
                        PlannedRun(
                            name: name, variant: variant.name, seed: seed, fold: fold, leftOut: choice.leftOut.first,
                            configuration: configuration))
                }
            }
        }
    }

    /// Splits and centers that each variant is trained with: every fold with every center left out.
    private static func choices(folds: Int, _ leftOut: [String]) -> [Configuration.CohortChoice] {
        (folds > 0 ? Array(1...folds) : [1]).flatMap { fold in
            (leftOut.isEmpty ? [[]] : leftOut.map { [$0] }).map { names in
                var choice = Configuration.CohortChoice()
                (choice.folds, choice.fold, choice.leftOut) = (folds, fold, names)
                return choice
            }
        }
    }

    /// Checks that a training can be made and judged.
    /// - Parameter all: the cohorts of the data, as they are there.
    private func check(_ configuration: Configuration, _ all: [Cohort]) throws {
        let split = try configuration.cohorts.split(all)
        let trained = try configuration.cohorts.chosen(of: split)
        _ = try configuration.methods(of: Participant.all(trained, of: configuration.method))
        let absent = split.filter { configuration.cohorts.leftOut.contains($0.center) }
        let judged = absent.isEmpty ? trained : absent
        guard judged.contains(where: { !$0.cases(in: .test).isEmpty }) else {
            throw FederationError.usage(
                "compare on", configuration.data ?? "",
                absent.isEmpty ? "no center has test cases" : "center \(absent[0].center) has no test cases",
                "add subjects to \"splits.test\" in cohort.json, or cross-validate with --folds")
        }
        guard let fewShot, let center = absent.first else { return }
        let known = center.splits[.train]?.count ?? 0
        if let count = fewShot.subjects.first(where: { $0 > known }) {
            throw FederationError.usage(
                "train on \(count) subjects of", "center \(center.center)", "it has \(known) to train on",
                "ask for at most \(known) by --few-shot")
        }
        var tuned = configuration
        tuned.localEpochs = fewShot.epochs
        do { _ = try tuned.methods(of: Participant.all(trained, of: configuration.method)) } catch {
            throw FederationError.usage(
                "train on few subjects by", configuration.method.rawValue, error.reason,
                "give another number of epochs by --few-shot-epochs")
        }
    }

    /// The name of a center in a file's name, which may not be longer than file systems allow.
    private static func fileName(_ center: String, place: Int) -> String {
        center.utf8.count <= 100 ? center : String(place + 1)
    }

    /// Checks that this plan continues another: all of its trainings, with the same settings.
    package func check(continues old: ComparisonPlan, in folder: String) throws(FederationError) {
        try PlannedRun.check(runs, continue: old.runs, in: folder)
        if let known = old.cohorts, let changed = known.keys.sorted().first(where: { cohorts?[$0] != known[$0] }) {
            throw FederationError.usage(
                "continue what is in", folder, "\(Cohort.fileName) of center \(changed) is not what it was",
                "put it back as it was, or begin in another folder")
        }
        guard fewShot == old.fewShot else {
            throw FederationError.usage(
                "continue what is in", folder,
                "other numbers of labelled subjects or epochs are asked for now (--few-shot)",
                "ask for what it was begun with, or begin in another folder")
        }
    }
}
