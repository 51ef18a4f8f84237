import FedCRLD
import FederatedLearning
import Federation
import Foundation
import Tensors
import Testing

/// Three centers of different classes, the smallest networks there are.
enum ExampleCenters {
    static let names = ["a", "b", "c"]
    static let seed: UInt64 = 42

    /// All of a center's state, or what the root keeps of it.
    static let allParts = [StatePart.center, FedCRLDMethod.relocalizationPart]

    static func method(
        _ name: String, width: Int = 4, placement: FedCRLDMethod.Placement = .client
    ) throws -> any FederatedMethod {
        var settings = TrainingSettings()
        settings.width = width
        settings.own[FedCRLDMethod.placement] = placement
        return try FedCRLDMethod(
            settings, heads: [2 + (names.firstIndex(of: name) ?? 0)],
            population: Population(centers: names.count, hasEqualClasses: false))
    }

    /// A center before its first round.
    static func state(_ name: String, parts: [StatePart] = allParts, seed: UInt64 = seed) throws -> CenterState {
        try method(name).state(of: name, parts: parts, seed: seed)
    }

    static func store(
        _ folder: RunFolder, capacity: Int = 3, parts: [StatePart] = allParts,
        placement: FedCRLDMethod.Placement = .client, baseline: Manifest? = nil, width: Int = 4,
        disk: DiskQueue = DiskQueue(limit: 1 << 20)
    ) throws -> CenterStore {
        let methods = try names.map { ($0, try method($0, width: width, placement: placement)) }
        return CenterStore(
            folder: folder, methods: Dictionary(uniqueKeysWithValues: methods), parts: parts, seed: seed,
            capacity: capacity, baseline: baseline, disk: disk)
    }

    /// Trains a center in a round, as far as a store can tell.
    @discardableResult
    static func train(_ center: String, round: Int, in store: CenterStore) throws -> StateContents {
        let state = try store.state(of: center)
        store.begin(state)
        StateContents.scramble(state, round: round)
        try store.finish(state, round: round)
        return StateContents(state)
    }

    /// Writes a store's files of a checkpoint.
    /// - Parameter before: the checkpoint before.
    static func checkpoint(
        _ store: CenterStore, _ position: RunPosition, _ folder: RunFolder, _ disk: DiskQueue,
        progress: RoundProgress? = nil, after before: Manifest? = nil
    ) throws -> Manifest {
        let draft = CheckpointDraft(folder, position, progress: progress)
        try store.contribute(names, to: draft)
        disk.submit { draft.complete() }
        disk.drain()
        if let failure = disk.failure { throw failure }
        let report = try #require(draft.report)
        var list = CheckpointList(centers: names, baseline: before)
        let changes = list.take(report)
        var manifest = try Self.manifest(
            round: position.round, trainedRounds: changes.trainedRounds, files: changes.files)
        manifest.progress = report.progress
        return manifest
    }

    static func manifest(
        round: Int, trainedRounds: [String: Int], files: [String: DurableFile.Fingerprint],
        version: Int = StateFile.formatVersion
    ) throws -> Manifest {
        Manifest(
            formatVersion: version, program: "fedcrld test", round: round, configuration: "0", placement: "client",
            trainedRounds: trainedRounds, files: files)
    }
}
