import Foundation
import HDF5

/// Puts a center back to an earlier round of its momentum bank's history.
///
/// The newest checkpoint gets a new version in which the center's network and bank both are the snapshot, and its
/// optimizers start anew: their moments belong to the steps that are taken back. All other centers stay as they are.
package struct Rollback {
    private let run: RunAccess
    private let lease: RunLease

    /// A rollback in a run's newest checkpoint.
    package init(_ path: String) throws(FederationError) {
        // Where there is no run, nothing is written.
        if !FileManager.default.fileExists(atPath: RunFolder(path).configuration) { _ = try RunAccess(path) }
        lease = try RunLease(RunFolder(path))
        try DurableFile.undoReplacements(in: RunFolder(path).checkpoints)
        run = try RunAccess(path)
        if let newest = run.folder.positions.first, newest > run.manifest.position {
            throw FederationError(
                kind: .configuration, attempted: "put a center back in", subject: path,
                reason: "the run was stopped in the middle of round \(newest.round + 1)",
                remedy: "resume it and let it end that round first")
        }
    }

    /// The rounds that a center can be put back to, newest first.
    package func rounds(of center: String) -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(run.folder.banks)/\(center)")) ?? []
        return names.filter { !$0.contains(".relocalization") }
            .compactMap(CheckpointRetention.round(ofSnapshot:)).sorted(by: >)
    }

    /// Puts `center` back to `round`. Returns the round of the checkpoint that was rewritten.
    package func apply(center: String, to round: Int) throws -> Int {
        guard rounds(of: center).contains(round) else {
            let known = rounds(of: center).map(String.init).joined(separator: ", ")
            throw FederationError(
                kind: .configuration, attempted: "put center", subject: "\(center) back to round \(round)",
                reason: known.isEmpty ? "its bank has no snapshots" : "its bank has snapshots of rounds \(known)",
                remedy: known.isEmpty
                    ? "choose one of the centers \(run.centers.joined(separator: ", "))" : "choose one of these")
        }
        let old = try run.state(of: center)
        let state = CenterState(
            name: center, network: old.network, parts: CenterState.Part.allCases, seed: run.configuration.seed)
        let snapshot = try HDF5File.open(at: "\(run.folder.path)/\(RunFolder.bank(center: center, round: round))")
        try StateFile.check(snapshot, network: state.network)
        for (_, bank) in state.orderedParts {
            try StateFile.read(bank, .bank, from: snapshot)
            bank.network.base.update(from: bank.bank.base, count: bank.bank.count)
        }
        return try replace(state, trainedRound: round)
    }

    private func replace(_ state: CenterState, trainedRound: Int) throws -> Int {
        let number = run.manifest.round
        let position = run.manifest.position
        let (complete, partial) = (run.folder.checkpoint(position), run.folder.partialCheckpoint(position))
        try DurableFile.remove(partial)
        try DurableFile.makeFolder(partial + "/centers")
        var manifest = run.manifest
        for part in CenterState.Part.allCases { manifest.files[manifest.file(of: state.name, part: part)] = nil }
        let prefix = "checkpoints/\(position.name)/"
        for name in manifest.files.keys where name.hasPrefix(prefix) {
            let name = name.dropFirst(prefix.count)
            try DurableFile.share("\(complete)/\(name)", as: "\(partial)/\(name)")
        }

        let path = "\(partial)/\(Manifest.file(of: state.name))"
        let file = try HDF5File.create(at: path)
        try StateFile.write(
            .init(
                kind: "center", round: number, seed: run.configuration.seed, network: state.network, center: state.name),
            to: file)
        try file.setAttribute("trained_round", of: "info", to: trainedRound)
        for (_, bank) in state.orderedParts { try StateFile.write(bank, .training, to: file) }
        try file.close()
        try DurableFile.synchronize(path)

        manifest.banks[state.name] = trainedRound
        manifest.files[manifest.file(of: state.name)] = try DurableFile.fingerprint(path)
        for file in manifest.files.keys where file.hasPrefix("banks/\(state.name)/") { manifest.files[file] = nil }
        for part in CenterState.Part.allCases {
            let bank = RunFolder.bank(center: state.name, round: trainedRound, part: part)
            guard FileManager.default.fileExists(atPath: "\(run.folder.path)/\(bank)") else { continue }
            manifest.files[bank] = try DurableFile.fingerprint("\(run.folder.path)/\(bank)")
        }
        try DurableFile.write(manifest.encoded(), to: "\(partial)/\(Manifest.fileName)")
        try DurableFile.synchronize(partial + "/centers")
        try DurableFile.synchronize(partial)
        try DurableFile.replaceFolder(complete, by: partial)
        return number
    }
}
