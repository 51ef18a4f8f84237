import ArgumentParser
import Federation

/// `fedcrld rollback`: a center back to an earlier round of its bank's history.
struct Rollback: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a center back to a snapshot of its momentum bank's history.",
        discussion: """
            The newest checkpoint is rewritten: the center's network and bank become the snapshot, its optimizers start \
            anew. All other centers stay as they are. In the middle of a round the center begins its part of it again. \
            `fedcrld train --resume RUN` continues from there.
            """)

    @Option(
        name: .customLong("run"),
        help: .init("The folder of the run; no job may be running on it.", valueName: "folder"))
    var folder: String
    @Option(help: .init("The center.", valueName: "name"))
    var center: String
    @Option(help: .init("The round of the snapshot; `fedcrld inspect RUN` lists them.", valueName: "round"))
    var to: Int
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let position = try Federation.Rollback(folder).apply(center: center, to: to)
        if json {
            return try Console.json([
                "center": .text(center), "to": .integer(to), "round": .integer(position.round),
                "steps": .integer(position.steps), "checkpoint": .text(RunFolder(folder).checkpoint(position)),
            ])
        }
        try Console.print("\(center) is back at round \(to) in the checkpoint of \(position.description)")
    }
}
