import ArgumentParser
import CardiacMR
import Federation
import Files

/// `fedcrld import`: a public data set as cohorts.
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make cohorts of a public data set in its own layout.",
        discussion: """
            The data sets: mnms (a cohort per centre), mnms2 (per vendor), acdc, emidec, mscmr (the late-enhancement images). \
            Voxels are not copied unless asked for: a cohort names the data set's own files and the frames of 4-D ones.

              fedcrld import mnms OpenDataset --out data

            Every case that is missing, unlabelled, there twice or contradictory is listed, and left out.
            """)

    @Argument(help: "The data set: mnms, mnms2, acdc, emidec or mscmr.")
    var dataSet: DataSet
    @Argument(help: .init("The folder that it was unpacked to.", valueName: "source"))
    var source: String
    @Option(help: .init("The folder to make, one folder per center in it; new or empty.", valueName: "folder"))
    var out: String
    @Option(help: "How cohorts refer to files: paths (absolute), links (symbolic) or copies.")
    var files = DataSetImport.Reference.paths
    @Option(
        help: .init(
            """
            A CSV file with the columns subject and split (train, validation, test); without it, 60 % of each center's \
            subjects are to train on, 10 % to validate, 30 % to test, drawn by the seed.
            """, valueName: "file"))
    var splits: String?
    @Option(help: .init("Seed of the splits.", valueName: "number"))
    var seed: UInt64 = 1
    @Option(help: "Who may read the files that are made: owner, group, or umask (whoever the umask lets).")
    var access = FileAccess.owner
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        access.apply()
        var work = try DataSetImport(dataSet, source: source, seed: seed, reference: files, splitTable: splits)
        try work.write(to: out)
        if json {
            try Console.json([
                "out": .text(out),
                "centers": .list(
                    work.cohorts.map(\.metrics)),
                "problems": .list(
                    work.problems.map {
                        [
                            "kind": .text($0.kind.rawValue), "subject": .text($0.subject), "detail": .text($0.detail),
                        ]
                    }),
            ])
            return
        }
        for cohort in work.cohorts {
            let subjects = Split.allCases.map { "\(cohort.splits[$0]?.count ?? 0) \($0.rawValue)" }
            try Console.print(
                "\(out)/\(cohort.center): \(cohort.cases.count) cases of \(Set(cohort.cases.map(\.subject)).count) subjects "
                    + "(\(subjects.joined(separator: ", "))), \(cohort.vendor)")
        }
        for kind in ImportProblem.Kind.allCases {
            let problems = work.problems.filter { $0.kind == kind }
            guard !problems.isEmpty else { continue }
            try Console.print("\n\(kind.rawValue): \(problems.count)")
            for problem in problems { try Console.print("  \(problem.subject): \(problem.detail)") }
        }
    }
}

extension Cohort {
    /// The center with its numbers of cases and subjects.
    var metrics: MetricsValue {
        [
            "center": .text(center), "vendor": .text(vendor), "cases": .integer(cases.count),
            "subjects": .object(
                Dictionary(
                    uniqueKeysWithValues: Split.allCases.map { ($0.rawValue, .integer(splits[$0]?.count ?? 0)) })),
        ]
    }
}

extension DataSet: ExpressibleByArgument {}
extension FileAccess: ExpressibleByArgument {}
extension DataSetImport.Reference: ExpressibleByArgument {}
