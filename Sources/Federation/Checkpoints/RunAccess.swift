import CardiacMR
import FederatedLearning
import Foundation
import HDF5

/// A run on disk, read by one process: its configuration, a checkpoint of it, and the centers' states there.
package struct RunAccess {
    /// Where the run is.
    package let folder: RunFolder
    /// The configuration that it was last started with, but for what the reader wants otherwise.
    package private(set) var configuration: Configuration
    /// The checkpoint.
    package let manifest: Manifest
    /// Where it has the centers' states.
    private let states: [String: String]
    /// Keeps it from being removed by a job that trains.
    private var hold: CheckpointHold?

    /// Reads from a run at a round's end, or at its newest complete checkpoint.
    ///
    /// A job that trains meanwhile removes checkpoints. The one that is read is held; where that cannot be done, and the one
    /// that was chosen by its being the newest is gone before `body` has read what it needs, `body` is called again with
    /// the one that is the newest then.
    /// - Parameters:
    ///   - settings: `key=value` over the run's, of keys that a resumed run may change.
    ///   - body: must not leave anything behind where it throws.
    package static func reading<Result>(
        _ path: String, _ choice: CheckpointChoice = .latest, settings: [String] = [], inRound: Bool = false,
        _ body: (RunAccess) throws -> Result
    ) throws -> Result {
        for attempt in 1... {
            var opened: RunAccess?
            do {
                var access = try RunAccess(path, choice, inRound: inRound)
                let changed = try access.configuration.applying(settings: settings)
                _ = try changed.changes(resuming: access.configuration, attempted: "read the run with")
                access.configuration = changed
                access.hold = CheckpointHold(access.folder, access.manifest.position)
                opened = access
                return try body(access)
            } catch {
                let wasRemoved = opened.map { !$0.isThere } ?? (error as? FederationError)?.isOfMissingManifest ?? false
                if case .round = choice { throw error }
                guard wasRemoved else { throw error }
                guard attempt < 10 else {
                    throw FederationError(
                        attempted: "read the run", subject: path,
                        reason: "a job trains in it, and removes its checkpoints before they can be read",
                        remedy: "keep more of them (resume with --set checkpoint.keep=3), or wait for the job's end")
                }
            }
        }
        preconditionFailure("a loop without end")
    }

    /// Whether the checkpoint is still there.
    private var isThere: Bool {
        FileManager.default.fileExists(atPath: "\(folder.checkpoint(manifest.position))/\(Manifest.fileName)")
    }

    /// Opens a run at a round's end, or at its newest complete checkpoint.
    /// - Parameter inRound: whether that may be one in the middle of a round.
    package init(
        _ path: String, _ choice: CheckpointChoice = .latest, inRound: Bool = false
    ) throws(FederationError) {
        folder = RunFolder(path)
        configuration = try Self.configuration(of: folder)
        let positions = folder.positions.filter { inRound || $0.steps == 0 }
        let wanted: RunPosition?
        switch choice {
        case .latest: wanted = positions.first
        case .round(let round): wanted = RunPosition(round: round)
        case .best:
            wanted = folder.best
            guard wanted != nil else {
                throw Self.unreadable(
                    path, "no checkpoint of it was chosen as the best: nothing was evaluated on validation cases",
                    "choose latest or a round, or train with evaluate_every above 0 on data with validation subjects")
            }
        }
        guard let chosen = wanted else {
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
        states = manifest.stateFiles()
    }

    /// The files that are read of the run: its configuration and the checkpoint's.
    package var files: [String] {
        [folder.configuration, folder.metrics, "\(folder.checkpoint(manifest.position))/\(Manifest.fileName)"]
            + manifest.files.keys.map { "\(folder.path)/\($0)" }
    }

    /// The cohorts of the run's data, and what the run's settings ask of whoever shows something of them.
    /// - Parameter data: the folder to take in place of the one that the run was trained on.
    package func cohorts(data: String? = nil) throws -> [Cohort] {
        configuration.access.apply()
        let cohorts = try configuration.loadCohorts(data)
        if configuration.discreet { Messages.conceal(cohorts) }
        return cohorts
    }

    /// The configuration of a run, whatever its checkpoints are.
    package static func configuration(
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
    package var centers: [String] { manifest.centers }

    /// The centers that have a file in the checkpoint, by name: one stands for all where their data is pooled.
    package var participants: [String] { manifest.trainedRounds.keys.sorted() }

    /// The name of the state that a center's images are segmented with, and the center's head in it.
    private func place(of center: String) throws(FederationError) -> (participant: String, head: Int) {
        if let members = manifest.members {
            if let head = members[center] { return (Participant.pooledName, head) }
        } else if manifest.trainedRounds[center] != nil {
            return (center, 0)
        }
        throw Self.unreadable(
            folder.path, "it has no center \(center)", "choose one of \(centers.joined(separator: ", "))")
    }

    /// The name of the state that a center's images are segmented with.
    package func participant(of center: String) throws(FederationError) -> String { try place(of: center).participant }

    /// The file of a participant's state.
    package func file(of participant: String) -> String {
        "\(folder.path)/\(manifest.stateFile(StatePart.center.fileName(participant), among: states))"
    }

    /// What segments a center's images.
    /// - Parameter cohorts: the data, where it is at hand: it tells the classes of centers that were not trained yet.
    package func segmenter(of center: String, cohorts: [Cohort]? = nil) throws -> Segmenter {
        let (participant, head) = try place(of: center)
        let state = try state(of: participant, cohorts: cohorts)
        return Segmenter(state, try method(of: state), head: head, configuration.prediction)
    }

    /// What the server sends to a center, by the method for its classes.
    package func server(_ method: any FederatedMethod) throws -> ServerState {
        let aggregation = Aggregation(
            method, centers: participants.count, seed: configuration.seed, isRoot: true)
        try aggregation.read(
            checkpoint: folder.checkpoint(manifest.position), width: configuration.width, continues: false)
        return aggregation.server
    }

    /// The state of a participant, whole.
    /// - Parameter cohorts: as for ``segmenter(of:cohorts:)``.
    package func state(of participant: String, cohorts: [Cohort]? = nil) throws -> CenterState {
        hold?.touch()
        guard manifest.trainedRounds[participant] != nil else {
            throw Self.unreadable(
                folder.path, "it has no center \(participant)",
                "choose one of \(participants.joined(separator: ", "))")
        }
        let method = try configuration.method(heads: try heads(of: participant, cohorts))
        return try CenterStore(
            folder: folder, methods: [participant: method], parts: method.parts, seed: configuration.seed, capacity: 1,
            baseline: manifest, disk: DiskQueue(limit: 0)
        ).state(of: participant)
    }

    /// The classes of a participant's network, head by head; of one that was not trained yet the data tells.
    private func heads(of participant: String, _ cohorts: [Cohort]?) throws -> [Int] {
        guard manifest.trainedRounds[participant] == 0 else {
            return try StateFile.heads(of: HDF5File.open(at: file(of: participant)))
        }
        let found = Participant.all(try cohorts ?? self.cohorts(), of: configuration.method)
            .first { $0.name == participant }
        guard let found else {
            throw Self.unreadable(
                folder.path,
                "center \(participant) was not trained yet and has no folder in \(configuration.data ?? "")",
                "put the data back, or train on")
        }
        return found.heads
    }

    /// What trained a center.
    package func method(of state: CenterState) throws(FederationError) -> any FederatedMethod {
        try configuration.method(heads: state.heads)
    }

    /// The losses that the run's steps tell, whatever its centers' classes are.
    package func terms() throws(FederationError) -> [LossTerm] { try configuration.method(heads: [2]).terms }

    private static func unreadable(_ subject: String, _ reason: String, _ remedy: String) -> FederationError {
        FederationError(
            kind: .configuration, attempted: "read the run", subject: subject, reason: reason, remedy: remedy)
    }
}

extension FederationError {
    /// Whether a checkpoint vanished between its being listed and its being read.
    fileprivate var isOfMissingManifest: Bool {
        subject.hasSuffix("/" + Manifest.fileName) && !FileManager.default.fileExists(atPath: subject)
    }
}
