import ArgumentParser
import CardiacMR
import Federation
import Foundation
import Reports
import Tensors

/// `fedcrld report`: a run as one page.
struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a run's report: one self-contained HTML page.",
        discussion: """
            Learning curves of every center, its distance from the server's representation, tables and plots of Dice, HD95 and \
            ASSD, heart function, pictures of the best, median and worst cases, time by phase, configuration. The page needs no \
            other file and no network. It shows slices of the images: give it to nobody who may not see them.
            """)

    @Argument(help: "The run's folder.")
    var folder: String
    @Option(help: .init("The page to write; by default RUN/report.html.", valueName: "file"))
    var out: String?
    @Option(help: "The cases of which split.")
    var split = Split.test
    @OptionGroup var reading: ReadingOptions
    @Option(
        help: .init("The folder of cohorts; by default the one that the run was trained on.", valueName: "folder"))
    var data: String?

    func run() throws {
        let path = try reading.read(folder) { access in
            let cohorts = try access.cohorts(data: data)
            let path = out ?? "\(access.folder.path)/report.html"
            try Output.refuseInputs([path], inputs: access.files + cohorts.flatMap(\.files))
            let report = try RunReport(access, cohorts: cohorts, split: split, warn: Messages.warn)
            try report.write(to: path)
            return path
        }
        try Console.print(path)
    }
}
