import FedCRLD
import Federation
import Foundation
import Tensors

/// Three centers of different classes, the smallest networks there are.
enum ExampleCenters {
    static let names = ["a", "b", "c"]
    static let seed: UInt64 = 42

    static func network(_ name: String, width: Int = 4) -> ClientNetwork {
        ClientNetwork(width: width, classes: 2 + (names.firstIndex(of: name) ?? 0))
    }

    static func store(
        _ folder: RunFolder, capacity: Int = 3, parts: [CenterState.Part] = CenterState.Part.allCases,
        placement: Configuration.CRL.Placement = .client, baseline: Manifest? = nil, width: Int = 4
    ) -> CenterStore {
        CenterStore(
            folder: folder,
            networks: Dictionary(uniqueKeysWithValues: names.map { ($0, network($0, width: width)) }), parts: parts,
            placement: placement, seed: seed, capacity: capacity, baseline: baseline.map(CenterStore.Baseline.init))
    }

    /// Trains a center in a round, as far as a store can tell.
    @discardableResult
    static func train(_ center: String, round: Int, in store: CenterStore) throws -> StateContents {
        let state = try store.state(of: center)
        store.begin(round: round, state)
        StateContents.scramble(state, round: round)
        try store.finish(center)
        return StateContents(state)
    }

    /// Writes the files of a checkpoint and tells the store.
    static func checkpoint(_ store: CenterStore, round: Int, _ folder: RunFolder) throws -> Manifest {
        try DurableFile.makeFolder(folder.checkpoint(round) + "/centers")
        for center in names {
            try store.write(center, round: round, to: "\(folder.checkpoint(round))/centers/\(center).h5")
        }
        let banks = Dictionary(uniqueKeysWithValues: names.map { ($0, store.trainedRound(of: $0)) })
        let manifest = try Self.manifest(round: round, banks: banks, files: [:])
        store.checkpointed(.init(manifest))
        return manifest
    }

    static func manifest(
        round: Int, banks: [String: Int], files: [String: DurableFile.Fingerprint],
        version: Int = StateFile.formatVersion
    ) throws -> Manifest {
        let list = String(decoding: try JSONEncoder().encode(files), as: UTF8.self)
        let rounds = String(decoding: try JSONEncoder().encode(banks), as: UTF8.self)
        let text = """
            {"formatVersion": \(version), "program": "fedcrld test", "round": \(round), "configuration": "0", \
            "placement": "client", "banks": \(rounds), "files": \(list)}
            """
        return try JSONDecoder().decode(Manifest.self, from: Data(text.utf8))
    }
}
