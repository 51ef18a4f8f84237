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

            While a run trains, --watch writes the page again whenever a round or a checkpoint has come. Each time it segments \
            the split's cases.
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

    @Flag(
        help:
            "Write the page again whenever the run has got on, until it has finished; a browser that shows it reloads it."
    )
    var watch = false
    @Option(help: .init("With --watch: seconds between two looks at the run.", valueName: "seconds"))
    var every = 60

    func validate() throws {
        guard (1...86400).contains(every) else {
            throw ValidationError("--every \(every) is not in 1 to 86400 seconds")
        }
    }

    func run() throws {
        guard watch else { return try Console.print(write()) }
        var reported: [String] = []
        while true {
            let status = try RunStatus(folder)
            let watched = WatchedState(status, of: folder, reload: every)
            if status.stage != reported {
                let isFirst = reported.isEmpty
                reported = status.stage
                let path = try status.hasWholeRound ? write(watched) : writeBeginning(watched)
                if isFirst { try Console.print(path) }
            }
            if status.state == .finished { return }
            Thread.sleep(forTimeInterval: Double(every))
        }
    }

    private func page(of run: RunFolder) -> String { out ?? "\(run.path)/report.html" }

    /// Evaluates a checkpoint and writes the page.
    /// - Returns: its path.
    private func write(_ watched: WatchedState? = nil) throws -> String {
        try reading.read(folder) { access in
            let cohorts = try access.cohorts(data: data)
            let path = page(of: access.folder)
            try Output.refuseInputs([path], inputs: access.files + cohorts.flatMap(\.files))
            let report = try RunReport(access, cohorts: cohorts, split: split, warn: Messages.warn)
            try report.write(to: path, watched: watched)
            return path
        }
    }

    /// Writes the page of a run that has no checkpoint of a whole round.
    private func writeBeginning(_ watched: WatchedState) throws -> String {
        let run = RunFolder(folder)
        let configuration = try RunAccess.configuration(of: run)
        configuration.access.apply()
        let cohorts = (try? configuration.loadCohorts(data)) ?? []
        let path = page(of: run)
        try Output.refuseInputs([path], inputs: [run.configuration, run.metrics] + cohorts.flatMap(\.files))
        try watched.write(to: path)
        return path
    }
}
