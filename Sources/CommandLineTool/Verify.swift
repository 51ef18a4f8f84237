import ArgumentParser
import Federation
import Foundation

/// `fedcrld verify`: whether checkpoints are complete and undamaged, or equal.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check every file of a run's checkpoints, or compare two checkpoints bit by bit.",
        discussion: """
              fedcrld verify RUN
              fedcrld verify RUN/checkpoints/round-000012
              fedcrld verify --compare RUN-A RUN-B

            Sizes and CRC-32 of all files that a checkpoint needs, momentum banks included. A comparison is of the state: \
            where CRL was kept makes no difference.

            Exit status 1 where a checkpoint is damaged, or where the two differ.
            """)

    @Argument(help: "A run, or a checkpoint's folder.")
    var path: String?
    @Option(
        parsing: .upToNextOption,
        help: .init(
            "Two runs (their newest checkpoints) or checkpoint folders whose datasets are compared bit by bit.",
            valueName: "path"))
    var compare: [String] = []
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (path == nil) != compare.isEmpty, compare.isEmpty || compare.count == 2 else {
            throw ValidationError("give one path to check, or --compare with two")
        }
    }

    func run() throws {
        if let path { try check(path) } else { try compare(compare[0], compare[1]) }
    }

    private func compare(_ first: String, _ second: String) throws {
        let comparison = try CheckpointComparison(first, second)
        let differences = comparison.differences
        if json {
            try Console.json([
                "identical": .bool(differences.isEmpty), "compared": .integer(comparison.compared),
                "differences": .list(differences.map { .text($0) }),
            ])
        } else if differences.isEmpty {
            try Console.print("identical: \(comparison.compared) datasets, bit for bit")
        } else {
            let more = differences.count > 20 ? ["and \(differences.count - 20) more"] : []
            try Console.print((differences.prefix(20) + more).joined(separator: "\n"))
        }
        if !differences.isEmpty { throw ExitCode.failure }
    }

    private func check(_ path: String) throws {
        let looks = try CheckpointLook.all(path)
        let damaged = looks.contains { !$0.damages.isEmpty }
        if json {
            try Console.json([
                "sound": .bool(!damaged),
                "checkpoints": .list(
                    looks.map { look in
                        [
                            "folder": .text(look.folder), "sound": .bool(look.damages.isEmpty),
                            "files": .integer(look.files), "bytes": .integer(look.bytes),
                            "damages": .list(look.damages.map { .text($0) }),
                        ]
                    }),
            ])
        } else {
            try Console.print(
                looks.flatMap { look in
                    let detail = "complete, \(look.files) files, \(look.bytes >> 10) KiB"
                    return ["\(look.folder): \(look.damages.isEmpty ? detail : "DAMAGED")"]
                        + look.damages.map { "  \($0)" }
                }.joined(separator: "\n"))
        }
        if damaged { throw ExitCode.failure }
    }
}
