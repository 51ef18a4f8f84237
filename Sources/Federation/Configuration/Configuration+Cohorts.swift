import CardiacMR

extension Configuration {
    /// Which of the data's centers take part, and how their subjects are split.
    package struct CohortChoice: Sendable, Equatable {
        /// Centers that do not take part.
        package var leftOut: [String] = []
        /// Parts of a cross-validation; 0: the cohorts' own splits.
        package var folds = 0
        /// The part that is tested on, from 1.
        package var fold = 1

        /// All centers with their own splits.
        package init() {}
    }

    /// The cohorts of the run, by center name.
    /// - Parameter path: the folder to take in place of the configuration's.
    package func loadCohorts(_ path: String? = nil) throws -> [Cohort] {
        try cohorts.chosen(of: loadAllCohorts(path))
    }

    /// The cohorts of the data, those that are left out included, split as the run has it.
    package func loadAllCohorts(_ path: String? = nil) throws -> [Cohort] {
        let all = try Cohort.loadAll(data: path ?? data ?? "")
        guard cohorts.folds > 0 else { return all }
        return try cohorts.split(all)
    }
}

extension Configuration.CohortChoice {
    /// Those that take part.
    func chosen(of all: [Cohort]) throws(FederationError) -> [Cohort] {
        if let unknown = leftOut.first(where: { name in !all.contains { $0.center == name } }) {
            throw FederationError(
                kind: .configuration, attempted: "leave out", subject: "center \(unknown)",
                reason: "the data has no such center",
                remedy: "choose among \(all.map(\.center).joined(separator: ", "))")
        }
        let chosen = all.filter { !leftOut.contains($0.center) }
        guard !chosen.isEmpty else {
            throw FederationError(
                kind: .configuration, attempted: "leave out", subject: leftOut.joined(separator: ", "),
                reason: "no center is left", remedy: "leave out fewer centers")
        }
        return chosen
    }

    /// The cohorts split for cross-validation.
    func split(_ all: [Cohort]) throws(FederationError) -> [Cohort] {
        guard folds >= 3, fold <= folds else {
            throw FederationError(
                kind: .configuration, attempted: "cross-validate with",
                subject: "cohorts.folds=\(folds), cohorts.fold=\(fold)",
                reason: folds < 3
                    ? "one part is tested on, one validated on, and none would be left to train on"
                    : "there is no such part",
                remedy: "take three folds or more, and a fold from 1 to \(max(folds, 3))")
        }
        var cohorts: [Cohort] = []
        for cohort in all {
            let subjects = Split.allCases.reduce(0) { $0 + (cohort.splits[$1]?.count ?? 0) }
            guard subjects >= folds else {
                throw FederationError(
                    kind: .configuration, attempted: "cross-validate", subject: "center \(cohort.center)",
                    reason: "its \(subjects) subjects cannot be dealt to \(folds) parts",
                    remedy: "take at most \(subjects) folds, or leave the center out (cohorts.leave_out)")
            }
            cohorts.append(cohort.split(fold: fold, of: folds))
        }
        return cohorts
    }
}
