import ArgumentParser
import Reports

/// `fedcrld status`: where a run is.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell where a run is: running, stopped, killed or finished, and how far.",
        discussion: """
            Also while it runs, and from another machine that sees its folder: round, step, speed, time left, the last checkpoint, \
            the last validation, and the job that has it. Reads a few small files and changes nothing.
            """)

    @Argument(help: "The run's folder.")
    var folder: String
    @Flag(help: "Print one line, a JSON object.")
    var json = false

    func run() throws {
        let status = try RunStatus(folder)
        if json { try Console.json(status.metrics) } else { try Console.print(status.text, terminator: "") }
    }
}
