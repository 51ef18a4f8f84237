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

    /// Opens a run at a round, or at its newest complete checkpoint.
    package init(_ path: String, round: Int? = nil) throws(FederationError) {
        folder = RunFolder(path)
        guard let text = try? String(contentsOfFile: folder.configuration, encoding: .utf8) else {
            throw Self.unreadable(
                path, "there is no file \(folder.configuration)", "give the folder of a run (--out of `fedcrld train`)")
        }
        configuration = try Configuration.parse(yaml: text, name: folder.configuration)
        let rounds = folder.rounds
        guard let chosen = round ?? rounds.first else {
            throw Self.unreadable(
                path, "it has no complete checkpoint", "resume it with `fedcrld train --resume \(path)`")
        }
        guard rounds.contains(chosen) else {
            let known = rounds.map(String.init).joined(separator: ", ")
            throw Self.unreadable(path, "it has no checkpoint of round \(chosen)", "choose one of \(known)")
        }
        manifest = try Manifest.read(folder: folder.checkpoint(chosen))
    }

    /// The centers of the checkpoint, by name.
    package var centers: [String] { manifest.banks.keys.sorted() }

    /// A center's file in the checkpoint.
    package func file(of center: String) -> String { "\(folder.checkpoint(manifest.round))/centers/\(center).h5" }

    /// The state of a center, whole.
    package func state(of center: String) throws -> CenterState {
        guard manifest.banks[center] != nil else {
            throw Self.unreadable(
                folder.path, "it has no center \(center)", "choose one of \(centers.joined(separator: ", "))")
        }
        let classes: Int
        do {
            let file = try HDF5File.open(at: file(of: center))
            classes = try file.attribute("classes", of: "info")
        }
        let store = CenterStore(
            folder: folder, networks: [center: configuration.network(classes: classes)],
            parts: [.client, .relocalization], placement: configuration.crl.placement, seed: configuration.seed,
            capacity: 1, baseline: .init(manifest))
        return try store.state(of: center)
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
