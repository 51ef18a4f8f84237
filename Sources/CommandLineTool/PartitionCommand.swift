import ArgumentParser
import CardiacMR
import Federation
import Files
import Foundation
import Tensors

/// `fedcrld partition`: many centers out of few cohorts.
struct PartitionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partition",
        abstract: "Make many simulated centers out of few cohorts.",
        discussion: """
            Subjects are dealt to centers; images stay where they are, and are named by absolute paths. Subjects keep their \
            split, every center has one to train on, and only cohorts with the same classes are mixed, so that some centers \
            have no cases to validate or test on where there are many. The same options make the same files.

              fedcrld partition data --out many --centers 100 --by dirichlet --alpha 0.5

            --by dirichlet: centers are mixtures of cohorts, the more uneven the smaller alpha is; size: they differ in size alone; \
            scanner: each has subjects of one cohort. With --shift each has a scanner of its own, too, which changes tone, \
            evenness, resolution and noise of its images: these are written anew.
            """)

    @Argument(help: "The folder of cohorts.")
    var data: String
    @Option(help: .init("The folder to make, one folder per center in it; new or empty.", valueName: "folder"))
    var out: String
    @Option(help: .init("Number of centers.", valueName: "number"))
    var centers: Int
    @Option(help: .init("What centers differ in: dirichlet, size or scanner.", valueName: "what"))
    var by = Partition.Skew.dirichlet
    @Option(help: .init("Concentration of the Dirichlet distribution.", valueName: "number"))
    var alpha = 0.5
    @Option(help: .init("How different the centers' scanners are; 0: images stay as they are.", valueName: "0...1"))
    var shift = 0.0
    @Option(help: .init("Seed of all random numbers.", valueName: "number"))
    var seed: UInt64 = 1
    @Option(help: "Who may read the files that are made: owner, group, or umask (whoever the umask lets).")
    var access = FileAccess.owner
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (1...1_000_000).contains(centers) else {
            throw ValidationError("--centers \(centers) is not a number from 1 to 1000000")
        }
        guard alpha >= 1e-3, alpha <= 1e6 else {
            throw ValidationError("--alpha \(alpha) is not a number from 0.001 to 1000000")
        }
        guard (0...1).contains(shift) else { throw ValidationError("--shift \(shift) is not a number from 0 to 1") }
    }

    func run() throws {
        access.apply()
        Parallel.configure(threads: ComputeThreads.available)
        let sources = try Cohort.loadAll(data: Path.absolute(data))
        let partition = Partition(centers: centers, skew: by, alpha: alpha, seed: seed)
        let cohorts: [Cohort]
        do { cohorts = try partition.write(sources, to: Path.absolute(out), shift: shift) } catch {
            throw FederationError(describing: error, kind: error.attempted == "make" ? .configuration : .failure)
        }
        if json { return try Console.json(["out": .text(out), "centers": .list(cohorts.map(\.metrics))]) }
        func count(_ cohort: Cohort, _ split: Split) -> Int { cohort.splits[split]?.count ?? 0 }
        for cohort in cohorts {
            try Console.print(
                "\(out)/\(cohort.center): \(count(cohort, .train)) subjects to train on, \(count(cohort, .validation)) to "
                    + "validate, \(count(cohort, .test)) to test, \(cohort.vendor) \(cohort.sequence)")
        }
    }
}

extension Partition.Skew: ExpressibleByArgument {}
