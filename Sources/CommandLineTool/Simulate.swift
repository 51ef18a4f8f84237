import ArgumentParser
import CardiacMR
import Federation
import Foundation
import Tensors

/// `fedcrld simulate`: phantoms of heterogeneous centers.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate cardiac-MR centers as cohorts to train on.",
        discussion: """
            The first six centers have the intensities, noise and spacing of real ones, the sixth a late-enhancement \
            sequence with five classes; further ones lie between and beyond these. The same seed gives the same files.
            """)

    @Option(help: "The folder to make, one folder per center in it.")
    var out: String
    @Option(help: "Number of centers.")
    var centers = 6
    @Option(help: "Subjects of each center; each has an end-diastolic and an end-systolic volume.")
    var subjects = 20
    @Option(help: "0: all centers alike; 0.7: as different as real ones; 1: more so.")
    var heterogeneity = 0.7
    @Option(help: "Seed of all random numbers.")
    var seed: UInt64 = 1
    @Option(help: "Slices x rows x columns of each volume; the field of view stays that of a real scan.")
    var size = VolumeExtent(depth: 10, height: 128, width: 128)
    @Option(help: "Threads; 0: all cores.")
    var threads = 0
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
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
            Console.json([
                "out": .text(out),
                "centers": .list(
                    cohorts.map { ["center": .text($0.center), "cases": .integer($0.cases.count)] }),
            ])
            return
        }
        for cohort in cohorts {
            print(
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
