import FedCRLD
import Federation
import Foundation
import Tensors
import Testing

/// Three centers of different classes, the smallest networks there are.
enum ExampleCenters {
    static let names = ["a", "b", "c"]
    static let seed: UInt64 = 42

    static func network(_ name: String, width: Int = 4) -> ClientNetwork {
        ClientNetwork(width: width, classes: 2 + (names.firstIndex(of: name) ?? 0))
    }

    static func store(
        _ folder: RunFolder, capacity: Int = 3, parts: [CenterState.Part] = CenterState.Part.allCases,
        placement: Configuration.CRL.Placement = .client, baseline: Manifest? = nil, width: Int = 4,
        disk: DiskQueue = DiskQueue(limit: 1 << 20)
    ) -> CenterStore {
        CenterStore(
            folder: folder,
            networks: Dictionary(uniqueKeysWithValues: names.map { ($0, network($0, width: width)) }), parts: parts,
            placement: placement, seed: seed, capacity: capacity, baseline: baseline, disk: disk)
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
    static func checkpoint(
        _ store: CenterStore, _ position: RunPosition, _ folder: RunFolder, _ disk: DiskQueue,
        progress: RoundProgress? = nil
    ) throws -> Manifest {
        let draft = CheckpointDraft(folder, position, progress: progress)
        try DurableFile.makeFolder(draft.folder + "/centers")
        try store.contribute(names, to: draft)
        disk.submit { draft.complete() }
        disk.drain()
        if let failure = disk.failure { throw failure }
        try DurableFile.replaceFolder(folder.checkpoint(position), by: draft.folder)
        let report = try #require(draft.report)
        var manifest = try Self.manifest(round: position.round, banks: report.banks, files: report.files)
        manifest.progress = report.progress
        return manifest
    }

    static func manifest(
        round: Int, banks: [String: Int], files: [String: DurableFile.Fingerprint],
        version: Int = StateFile.formatVersion
    ) throws -> Manifest {
        Manifest(
            formatVersion: version, program: "fedcrld test", round: round, configuration: "0", placement: "client",
            banks: banks, files: files)
    }
}
