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
        guard comparison.differences.isEmpty else {
            for difference in comparison.differences.prefix(20) { print(difference) }
            if comparison.differences.count > 20 { print("and \(comparison.differences.count - 20) more") }
            throw ExitCode.failure
        }
        print("identical: \(comparison.compared) datasets, bit for bit")
    }

    private func check(_ path: String) throws {
        let isCheckpoint = FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)")
        let checkpoint = path.hasSuffix("/") ? String(path.dropLast()) : path
        let run = RunFolder(
            isCheckpoint
                ? ((checkpoint as NSString).deletingLastPathComponent as NSString).deletingLastPathComponent : path)
        let folders = isCheckpoint ? [checkpoint] : run.positions.sorted().map { run.checkpoint($0) }
        guard !folders.isEmpty else {
            throw FederationError(
                attempted: "verify", subject: path, reason: "it has no complete checkpoint",
                remedy: "give the folder of a run or of a checkpoint")
        }
        var damaged = 0
        for folder in folders {
            let damages: [String]
            var detail = ""
            do {
                let manifest = try Manifest.read(folder: folder)
                damages = manifest.damages(run: run)
                let bytes = manifest.files.values.reduce(0) { $0 + $1.size }
                detail = ", \(manifest.files.count) files, \(bytes >> 10) KiB"
            } catch {
                // A job that runs may have removed it meanwhile.
                guard FileManager.default.fileExists(atPath: folder) else { continue }
                damages = [error.description]
            }
            print("\(folder): \(damages.isEmpty ? "complete\(detail)" : "DAMAGED")")
            for damage in damages { print("  \(damage)") }
            if !damages.isEmpty { damaged += 1 }
        }
        if damaged > 0 { throw ExitCode.failure }
    }
}
