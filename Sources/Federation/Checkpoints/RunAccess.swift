import CardiacMR
import FedCRLD
import Foundation
import HDF5

/// A run on disk, read by one process: its configuration, a checkpoint of it, and the centers' states there.
package struct RunAccess {
    /// Where the run is.
    package let folder: RunFolder
    /// The configuration that it was last started with.
    package let configuration: Configuration
    /// The checkpoint.
    package let manifest: Manifest

    /// Opens a run at a round's end, or at its newest complete checkpoint.
    /// - Parameter inRound: whether that may be one in the middle of a round.
    package init(_ path: String, round: Int? = nil, inRound: Bool = false) throws(FederationError) {
        folder = RunFolder(path)
        configuration = try Self.configuration(of: folder)
        let positions = folder.positions.filter { inRound || $0.steps == 0 }
        guard let chosen = round.map({ RunPosition(round: $0) }) ?? positions.first else {
            throw Self.unreadable(
                path,
                inRound || folder.positions.isEmpty
                    ? "it has no complete checkpoint" : "it was stopped before the end of its first round",
                "resume it with `fedcrld train --resume \(path)`")
        }
        guard positions.contains(chosen) else {
            let known = positions.map { String($0.round) }.joined(separator: ", ")
            throw Self.unreadable(path, "it has no checkpoint of round \(chosen.round)", "choose one of \(known)")
        }
        manifest = try Manifest.read(folder: folder.checkpoint(chosen))
    }

    /// The configuration of a run, whatever its checkpoints are.
    static func configuration(
        of folder: RunFolder, attempted: String = "read the run"
    ) throws(FederationError) -> Configuration {
        guard let text = try? String(contentsOfFile: folder.configuration, encoding: .utf8) else {
            throw FederationError(
                kind: .configuration, attempted: attempted, subject: folder.path,
                reason: "there is no file \(folder.configuration)",
                remedy: "give the folder of a run (--out of `fedcrld train`)")
        }
        return try Configuration.parse(yaml: text, name: folder.configuration)
    }

    /// The centers of the checkpoint, by name.
    package var centers: [String] { manifest.banks.keys.sorted() }

    /// A center's file in the checkpoint.
    package func file(of center: String) -> String {
        "\(folder.checkpoint(manifest.position))/\(Manifest.file(of: center))"
    }

    /// The state of a center, whole.
    /// - Parameter classes: how many its cohort has, where that is known: for a center that was not trained yet.
    package func state(of center: String, classes: Int? = nil) throws -> CenterState {
        guard manifest.banks[center] != nil else {
            throw Self.unreadable(
                folder.path, "it has no center \(center)", "choose one of \(centers.joined(separator: ", "))")
        }
        let network = configuration.network(classes: try self.classes(of: center, known: classes))
        return try CenterStore(
            folder: folder, networks: [center: network], parts: CenterState.Part.allCases,
            placement: configuration.crl.placement, seed: configuration.seed, capacity: 1, baseline: manifest,
            disk: DiskQueue(limit: 0)
        ).state(of: center)
    }

    /// How many classes a center's network has; of one that was not trained yet the data tells.
    private func classes(of center: String, known: Int?) throws -> Int {
        guard manifest.banks[center] == 0 else {
            let file = try HDF5File.open(at: file(of: center))
            return try file.attribute("classes", of: "info")
        }
        if let known { return known }
        let cohort = try Cohort.loadAll(data: configuration.data ?? "").first { $0.center == center }
        guard let cohort else {
            throw Self.unreadable(
                folder.path, "center \(center) was not trained yet and has no folder in \(configuration.data ?? "")",
                "put the data back, or train on")
        }
        return cohort.classes.count
    }

    /// Contrastive re-localization with a whole state, in this process.
    package func relocalization(of state: CenterState) -> LocalRelocalization {
        LocalRelocalization(
            state.network.relocalization, state.part(.relocalization), configuration.stepSettings)
    }

    private static func unreadable(_ subject: String, _ reason: String, _ remedy: String) -> FederationError {
        FederationError(
            kind: .configuration, attempted: "read the run", subject: subject, reason: reason, remedy: remedy)
    }
}
