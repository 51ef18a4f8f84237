import CardiacMR
import Federation
import Foundation
import MPI

/// Runs of two centers with two subjects each, the smallest there are: one to train on, one to test.
///
/// MPI starts once in a process, so whoever trains is the body of an exit test, on the main actor.
@MainActor
final class ExampleRun {
    let folder: TemporaryFolder
    private let environment: MPIEnvironment
    private let rank: RankContext
    var data: String { folder.path + "/data" }

    init() throws {
        folder = try TemporaryFolder()
        environment = try MPIEnvironment()
        rank = RankContext(environment.world)
        _ = try PhantomSimulator(PhantomSettings(centers: 2, subjects: 2, depth: 2, height: 32, width: 32)).write(
            to: folder.path + "/data")
    }

    static let settings = [
        "preset=tiny", "augmentation.enabled=true", "checkpoint.every=1", "width=4", "size=[16, 17]",
        "preprocessing.spacing=8", "threads=1", "evaluate_every=2", "local_epochs=1",
        "learning_rate=3e-3", "schedule=constant", "warmup_rounds=0", "loss.dice_background=true",
        "loss.dice_absent=true", "prediction.largest_component=none",
    ]

    /// Trains a new run in a folder of the given name.
    @discardableResult
    func train(
        _ name: String, rounds: Int, _ settings: String..., initial: String? = nil
    ) throws -> RunFolder {
        var request = RunRequest()
        request.data = data
        request.out = "\(folder.path)/\(name)"
        request.initial = initial
        request.settings = Self.settings + ["rounds=\(rounds)"] + settings
        return try run(request)
    }

    /// Goes on with a run.
    @discardableResult
    func resume(_ name: String, rounds: Int, _ settings: String...) throws -> RunFolder {
        var request = RunRequest()
        request.resume = "\(folder.path)/\(name)"
        request.settings = ["rounds=\(rounds)"] + settings
        return try run(request)
    }

    private func run(_ request: RunRequest) throws -> RunFolder {
        do {
            let training = try RunStart(rank).prepare(request)
            _ = try training.run()
            return training.folder
        } catch let failure as AgreedFailure {
            throw failure.error ?? failure
        }
    }

    /// Where two runs' newest checkpoints differ; one entry at least where nothing was compared.
    func differences(_ first: RunFolder, _ second: RunFolder) throws -> [String] {
        let comparison = try CheckpointComparison(first.path, second.path)
        return comparison.compared > 100 ? comparison.differences : ["\(comparison.compared) datasets compared"]
    }

    /// The losses of a run's rounds, one text for each.
    func losses(_ run: RunFolder) throws -> [String] {
        try String(contentsOfFile: run.metrics, encoding: .utf8).split(separator: "\n").compactMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            guard let round = object["round"], let losses = object["losses"] as? [String: Any] else { return nil }
            let terms = losses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            return "\(round): " + terms.joined(separator: ", ")
        }
    }
}
