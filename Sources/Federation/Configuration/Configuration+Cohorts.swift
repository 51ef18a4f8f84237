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
        try cohorts.split(Cohort.loadAll(data: path ?? data ?? ""))
    }
}

extension Configuration.CohortChoice {
    /// Those that take part.
    package func chosen(of all: [Cohort]) throws(FederationError) -> [Cohort] {
        if let unknown = leftOut.first(where: { name in !all.contains { $0.center == name } }) {
            throw FederationError.usage(
                "leave out", "center \(unknown)", "the data has no such center",
                "choose among \(all.map(\.center).joined(separator: ", "))")
        }
        let chosen = all.filter { !leftOut.contains($0.center) }
        guard !chosen.isEmpty else {
            throw FederationError.usage(
                "leave out", leftOut.joined(separator: ", "), "no center is left", "leave out fewer centers")
        }
        return chosen
    }

    /// The cohorts as they are split here: for cross-validation, or in their own way.
    package func split(_ all: [Cohort]) throws(FederationError) -> [Cohort] {
        guard folds > 0 else { return all }
        guard folds >= 3, fold <= folds else {
            throw FederationError.usage(
                "cross-validate with", "cohorts.folds=\(folds), cohorts.fold=\(fold)",
                folds < 3
                    ? "one part is tested on, one validated on, and none would be left to train on"
                    : "there is no such part",
                "take three folds or more, and a fold from 1 to \(max(folds, 3))")
        }
        var cohorts: [Cohort] = []
        for cohort in all {
            let subjects = Split.allCases.reduce(0) { $0 + (cohort.splits[$1]?.count ?? 0) }
            guard subjects >= folds else {
                throw FederationError.usage(
                    "cross-validate", "center \(cohort.center)",
                    "its \(subjects) subjects cannot be dealt to \(folds) parts",
                    "take at most \(subjects) folds, or leave the center out (cohorts.leave_out)")
            }
            cohorts.append(cohort.split(fold: fold, of: folds))
        }
        return cohorts
    }
}
