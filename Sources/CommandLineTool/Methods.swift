import ArgumentParser
import FederatedLearning
import Federation
import Methods

/// `fedcrld methods`: what `method` can be.
struct MethodsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "methods", abstract: "List the methods: where each was published, what it computes, its settings.",
        discussion: """
            Choose one by train --set method=NAME; compare them by compare --methods. The parameters are those of the network that segments an image.
            """)

    @Option(help: "Base width that the parameters are counted for.")
    var width = Configuration().width
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard width > 0, width % 4 == 0, width <= 1024 else {
            throw ValidationError("--width \(width) is not a multiple of 4 from 4 to 1024")
        }
    }

    func run() throws {
        let entries = try Configuration.Method.allCases.map { method in
            var configuration = Configuration()
            configuration.method = method
            configuration.width = width
            return (about: method.type.about, parameters: try configuration.method(heads: [4]).networkParameters)
        }
        guard !json else {
            return try Console.json([
                "methods": .list(
                    entries.map { about, parameters in
                        [
                            "name": .text(about.name), "summary": .text(about.summary),
                            "reference": .text(about.reference), "formula": .text(about.formula),
                            "parameters": .integer(parameters),
                            "settings": .list(about.settings.map { .text($0.name) }),
                            "search": .object(
                                Dictionary(
                                    uniqueKeysWithValues: about.searched.map { ($0.name, .text($0.range.text)) })),
                            "ablations": .list(about.ablations.map { .text($0.name) }),
                        ]
                    })
            ])
        }
        try Console.print(
            entries.map { about, parameters in
                var lines = ["\(about.name): \(about.summary)", "    \(about.reference)"]
                if !about.formula.isEmpty { lines.append("    \(about.formula)") }
                lines.append("    \(parameters) parameters at width \(width) for 4 classes")
                if !about.settings.isEmpty {
                    lines.append("    settings: " + about.settings.map(\.name).joined(separator: ", "))
                }
                let searched = about.searched.map { "\($0.name) \($0.range.text)" }
                lines.append("    tune searches: " + searched.joined(separator: ", "))
                if !about.ablations.isEmpty {
                    lines.append("    ablations: " + about.ablations.map(\.name).joined(separator: ", "))
                }
                return lines.joined(separator: "\n")
            }.joined(separator: "\n\n"))
    }
}
