import FedCRLD
import Foundation
import HDF5
import NeuralNetwork
import Tensors

/// The states of the centers that a rank computes for. A bounded number of them is in memory, the others rest in files.
///
/// A state that is not in memory is where it was last written: in the run's `working` folder, in the checkpoint that the
/// run continued from, or nowhere, if it still is as it was before the first round. The momentum bank always rests in
/// the snapshot of the round in which the center was last trained.
package final class CenterStore {
    /// A complete checkpoint that states rest in.
    package struct Baseline: Sendable {
        /// Its round.
        package let round: Int
        /// The round in which each center was last trained, which names its bank's snapshot.
        package let banks: [String: Int]

        /// What a manifest says.
        package init(_ manifest: Manifest) {
            round = manifest.round
            banks = manifest.banks
        }
    }

    /// The parts of a center that this store holds.
    package let parts: [CenterState.Part]
    /// The centers' names in a fixed order.
    package let centers: [String]
    private let folder: RunFolder
    private let networks: [String: ClientNetwork]
    private let seed: UInt64
    private let capacity: Int
    private let placement: Configuration.CRL.Placement
    private var resident: [CenterState] = []
    private var inWorkingFolder: Set<String> = []
    private var baseline: Baseline?
    /// Whether the baseline was written by this run, not by the one that it continues.
    private var ownsBaseline = false
    private var changed: Set<String> = []
    /// The rounds in which centers were last trained that were set aside since the baseline.
    private var setAsideRounds: [String: Int] = [:]

    /// - Parameters:
    ///   - folder: the run's.
    ///   - networks: the network of each center.
    ///   - parts: the parts of a state that live on this rank.
    ///   - placement: where contrastive re-localization lives.
    ///   - capacity: the most states in memory, at least 1.
    ///   - baseline: the checkpoint that the run continues from.
    package init(
        folder: RunFolder, networks: [String: ClientNetwork], parts: [CenterState.Part],
        placement: Configuration.CRL.Placement, seed: UInt64, capacity: Int,
        baseline: Baseline?
    ) {
        self.folder = folder
        self.networks = networks
        self.parts = parts
        self.seed = seed
        self.capacity = capacity
        self.baseline = baseline
        centers = networks.keys.sorted()
        self.placement = placement
    }

    /// Whether the root keeps the relocalization of this store's centers.
    private var relocalizationElsewhere: Bool { placement == .root && !parts.contains(.relocalization) }

    /// The state of a center, in memory from now on; another one may be set aside for it.
    package func state(of center: String) throws -> CenterState {
        if let index = resident.firstIndex(where: { $0.name == center }) {
            let state = resident.remove(at: index)
            resident.append(state)
            return state
        }
        while resident.count >= capacity { try setAside(resident.removeFirst()) }
        let state = try load(center)
        resident.append(state)
        return state
    }

    /// The round in which a center was last trained; 0 before the first.
    package func trainedRound(of center: String) -> Int {
        if let state = resident.first(where: { $0.name == center }) { return state.trainedRound }
        return setAsideRounds[center] ?? baseline?.banks[center] ?? 0
    }

    /// Marks a center as being trained in a round.
    package func begin(round: Int, _ state: CenterState) {
        state.trainedRound = round
        changed.insert(state.name)
    }

    /// Marks the end of a center's training in a round: its bank becomes a snapshot of the history.
    package func finish(_ center: String) throws {
        // One that was set aside meanwhile has its snapshot.
        if let state = resident.first(where: { $0.name == center }) { try ensureSnapshot(state) }
    }

    /// Writes a center's file of a checkpoint, or gives the file that it rests in a second name.
    ///
    /// A file of the run that this one continues is written anew: with another number of ranks or another placement, it
    /// may lead to a part in the root's file that will not be there.
    package func write(_ center: String, round: Int, to path: String) throws {
        if let state = resident.first(where: { $0.name == center }) {
            try ensureSnapshot(state)
            try writeTraining(state, round: round, to: path)
        } else if inWorkingFolder.contains(center) {
            try DurableFile.share(workingFile(center), as: path)
        } else if let baseline, ownsBaseline, !changed.contains(center) {
            try DurableFile.share("\(folder.checkpoint(baseline.round))/centers/\(center).h5", as: path)
        } else {
            let state = try load(center)
            try ensureSnapshot(state)
            try writeTraining(state, round: round, to: path)
        }
    }

    /// Calls `body` with the state of a center, which stays where it is.
    package func withState<Result>(of center: String, _ body: (CenterState) throws -> Result) throws -> Result {
        if let state = resident.first(where: { $0.name == center }) { return try body(state) }
        return try body(try load(center))
    }

    /// Makes sure that a center's newest bank is a file.
    package func ensureSnapshot(_ state: CenterState) throws {
        if state.bankRound != state.trainedRound { try writeSnapshot(state) }
    }

    /// Takes a checkpoint as the place where states that are not in memory rest.
    package func checkpointed(_ checkpoint: Baseline) {
        baseline = checkpoint
        ownsBaseline = true
        changed.removeAll()
        setAsideRounds.removeAll()
        for center in inWorkingFolder { unlink(workingFile(center)) }
        inWorkingFolder.removeAll()
    }

    // MARK: Files

    private func setAside(_ state: CenterState) throws {
        guard changed.contains(state.name) else { return }
        try ensureSnapshot(state)
        try DurableFile.makeFolder(folder.working)
        let path = workingFile(state.name)
        try writeTraining(state, round: state.trainedRound, to: path + ".partial")
        try DurableFile.rename(path + ".partial", to: path)
        inWorkingFolder.insert(state.name)
        setAsideRounds[state.name] = state.trainedRound
    }

    private func load(_ center: String) throws -> CenterState {
        guard let network = networks[center] else { preconditionFailure("\(center) is not hosted here") }
        let state = CenterState(name: center, network: network, parts: parts, seed: seed)
        let path: String
        // Within a run this store has written its parts' snapshot; a checkpoint's is read through the client's, which
        // leads to the other part wherever that was written.
        let snapshotPart: CenterState.Part
        if inWorkingFolder.contains(center) {
            path = workingFile(center)
            snapshotPart = self.snapshotPart
        } else if let baseline {
            path = "\(folder.checkpoint(baseline.round))/centers/\(center).h5"
            snapshotPart = .client
        } else {
            return state
        }
        let file = try HDF5File.open(at: path)
        try StateFile.check(file, network: network)
        state.trainedRound = try file.attribute("trained_round", of: "info")
        state.bankRound = state.trainedRound
        for (_, bank) in state.orderedParts { try StateFile.read(bank, .training, from: file) }
        let snapshot = try HDF5File.open(
            at: "\(folder.path)/\(RunFolder.bank(center: center, round: state.trainedRound, part: snapshotPart))")
        try StateFile.check(snapshot, network: network)
        for (_, bank) in state.orderedParts { try StateFile.read(bank, .bank, from: snapshot) }
        return state
    }

    /// The snapshot that holds this store's parts, the others by links where they are elsewhere.
    private var snapshotPart: CenterState.Part { parts.contains(.client) ? .client : .relocalization }

    private func workingFile(_ center: String) -> String {
        "\(folder.working)/\(center)\(snapshotPart == .relocalization ? ".relocalization" : "").h5"
    }

    private func writeTraining(_ state: CenterState, round: Int, to path: String) throws {
        let file = try HDF5File.create(at: path)
        try describe(state, kind: "center", round: round, in: file)
        for (_, bank) in state.orderedParts { try StateFile.write(bank, .training, to: file) }
        if relocalizationElsewhere {
            for group in StateFile.relocalizationGroups {
                try file.linkExternally(
                    group + "/relocalization", toFile: "../server.h5",
                    object: "/centers/\(state.name)/\(group)/relocalization")
            }
        }
        try file.close()
        try DurableFile.synchronize(path)
    }

    private func writeSnapshot(_ state: CenterState) throws {
        let path = "\(folder.path)/\(RunFolder.bank(center: state.name, round: state.trainedRound, part: snapshotPart))"
        try DurableFile.makeFolder("\(folder.banks)/\(state.name)")
        let file = try HDF5File.create(at: path + ".partial")
        try describe(state, kind: "bank", round: state.trainedRound, in: file)
        for (_, bank) in state.orderedParts { try StateFile.write(bank, .bank, to: file) }
        if relocalizationElsewhere {
            let other = RunFolder.bank(center: state.name, round: state.trainedRound, part: .relocalization)
            try file.linkExternally(
                "bank/relocalization", toFile: (other as NSString).lastPathComponent, object: "/bank/relocalization")
        }
        try file.close()
        try DurableFile.synchronize(path + ".partial")
        try DurableFile.rename(path + ".partial", to: path)
        state.bankRound = state.trainedRound
    }

    private func describe(
        _ state: CenterState, kind: String, round: Int, in file: borrowing HDF5File
    ) throws(HDF5Error) {
        try StateFile.write(
            .init(kind: kind, round: round, seed: seed, network: state.network, center: state.name), to: file)
        try file.setAttribute("trained_round", of: "info", to: state.trainedRound)
    }
}
