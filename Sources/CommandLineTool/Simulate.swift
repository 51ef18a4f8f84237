import ArgumentParser
import CardiacMR
import Federation
import Files
import Foundation
import Tensors

/// `fedcrld simulate`: phantoms of heterogeneous centers.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate cardiac-MR centers as cohorts to train on.",
        discussion: """
            Short-axis phantoms, NIfTI images with their segmentations, and a cohort.json for each center. The first five \
            centers have the intensities, noise and spacing of real bSSFP ones, with the classes LV, MYO and RV; the sixth \
            is a late-enhancement one, with LV, MYO, infarct and no-reflow. Further ones lie between and beyond these. The \
            same options give the same files, on any number of threads.
            """)

    @Option(help: .init("The folder to make, one folder per center in it; new or empty.", valueName: "folder"))
    var out: String
    @Option(help: .init("Number of centers.", valueName: "number"))
    var centers = 6
    @Option(
        help: .init(
            "Subjects of each center: each has an end-diastolic and an end-systolic volume, under late enhancement one.",
            valueName: "number"))
    var subjects = 20
    @Option(help: .init("0: all centers alike; 0.7: as different as real ones; 1: more so.", valueName: "0...1"))
    var heterogeneity = 0.7
    @Option(help: .init("Seed of all random numbers.", valueName: "number"))
    var seed: UInt64 = 1
    @Option(
        help: .init(
            "Slices, rows and columns of each volume; the field of view stays that of a real scan.", valueName: "DxHxW")
    )
    var size = VolumeExtent(depth: 10, height: 128, width: 128)
    @Option(help: .init("Compute threads; 0: the cores available.", valueName: "number"))
    var threads = 0
    @Option(help: "Who may read the files that are made: owner, group, or umask (whoever the umask lets).")
    var access = FileAccess.owner
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        access.apply()
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        let settings = PhantomSettings(
            centers: centers, subjects: subjects, heterogeneity: heterogeneity, seed: seed, depth: size.depth,
            height: size.height, width: size.width)
        let simulator: PhantomSimulator
        do { simulator = try PhantomSimulator(settings) } catch {
            throw FederationError(describing: error, kind: .configuration)
        }
        let cohorts = try simulator.write(to: out)
        if json {
            try Console.json([
                "out": .text(out),
                "centers": .list(
                    cohorts.map { ["center": .text($0.center), "cases": .integer($0.cases.count)] }),
            ])
            return
        }
        for cohort in cohorts {
            try Console.print(
                "\(out)/\(cohort.center): \(cohort.cases.count) volumes, \(cohort.vendor) \(cohort.sequence), "
                    + "\(cohort.classes.dropFirst().joined(separator: ", "))")
        }
    }
}

/// Slices, rows and columns, written "10x128x128".
struct VolumeExtent: ExpressibleByArgument, CustomStringConvertible {
    let depth: Int
    let height: Int
    let width: Int

    init(depth: Int, height: Int, width: Int) {
        (self.depth, self.height, self.width) = (depth, height, width)
    }

    init?(argument: String) {
        let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let depth = parts[0], let height = parts[1], let width = parts[2],
            depth > 0, height > 0, width > 0
        else { return nil }
        self.init(depth: depth, height: height, width: width)
    }

    var description: String { "\(depth)x\(height)x\(width)" }
    var defaultValueDescription: String { description }
}
