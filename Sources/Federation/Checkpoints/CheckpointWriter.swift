import FederatedLearning
import Files
import Foundation
import HDF5
import MPI

/// Writes checkpoints on all ranks beside the training: each complete or absent.
///
/// Every rank stages its centers' files in memory and goes on; its disk queue writes those that are new since the checkpoint before
/// below `states/POSITION`, flushed. Then the rank reports to the root, at its next step or while it waits. When all have, the root's disk queue writes the
/// manifest, renames the folder and replaces `latest`. A crash at any instant leaves the checkpoint before.
package final class CheckpointWriter {
    private let rank: RankContext
    private let folder: RunFolder
    private let configuration: Configuration
    private let disk: DiskQueue
    private let store: CenterStore
    private let modules: CenterStore?
    private let aggregation: Aggregation
    private let placement: String
    private let members: [String: Int]?
    /// A checkpoint that stays while the run goes on: states rest in it.
    package let pinned: RunPosition?
    /// On the root, the right to write into the run.
    private let lease: RunLease?
    /// On the root, what the newest checkpoint lists.
    private var list: CheckpointList
    /// On the root, what earlier checkpoints may need and the newest does not.
    private let outdated = OutdatedFiles()

    /// A checkpoint on its way.
    private struct Underway {
        let draft: CheckpointDraft
        var position: RunPosition { draft.position }
        let selection: ModelSelection?
        let released: ReleasedPrivacy?
        let start = monotonicSeconds()
        var isReported = false
        var publication: DiskQueue.Pending<Publication>?
    }
    private var underway: Underway?
    /// The newest checkpoint that is complete or under way; the same on all ranks.
    package private(set) var newest: RunPosition?
    /// Whether a rank has told the root that it could not write.
    private var hasRemoteFailure = false
    /// What ranks have told the root, by position.
    private var reports: [RunPosition: [Int: CheckpointDraft.Report]] = [:]

    /// What the disk queue tells of a checkpoint that it has made visible.
    private struct Publication {
        /// Of its manifest.
        let fingerprint: DurableFile.Fingerprint
        /// Bytes of all its files.
        let bytes: Int
        /// What of older checkpoints could not be removed.
        let problems: [String]
    }

    /// A checkpoint that has become complete.
    package struct Published {
        /// What it holds.
        package let position: RunPosition
        /// Bytes of all files that it needs.
        package let bytes: Int
        /// Seconds from its beginning.
        package let seconds: Double
        /// What of older checkpoints could not be removed, which does no harm.
        package let problems: [String]
    }

    /// What evaluations have found, which the next checkpoint tells.
    package var selection: ModelSelection?
    /// What the run has told of its centers, where it hides them.
    var released: ReleasedPrivacy?
    /// On the root: called on the main thread for each checkpoint that has become complete.
    package var published: (Published) -> Void = { _ in }

    /// - Parameters:
    ///   - store: the centers that this rank computes for.
    ///   - modules: on the root, the part of their states that it keeps, where the method has one.
    ///   - aggregation: on the root, what the server's file holds.
    ///   - placement: who keeps that part, as the manifest says it.
    ///   - members: whose data is pooled, as the manifest says it.
    ///   - baseline: the checkpoint that the run continues from.
    ///   - lease: on the root, the right to write into the run; it is looked at before each publication.
    ///   - dataFiles: on the root, the files that say what the centers' data was, as a manifest lists them.
    package init(
        _ rank: RankContext, folder: RunFolder, configuration: Configuration, disk: DiskQueue, store: CenterStore,
        modules: CenterStore?, aggregation: Aggregation, placement: String,
        members: [String: Int]? = nil, baseline: Manifest? = nil, lease: RunLease? = nil,
        dataFiles: [String: DurableFile.Fingerprint] = [:]
    ) {
        self.lease = lease
        list = CheckpointList(
            centers: rank.isRoot ? store.centers : [], records: dataFiles, baseline: rank.isRoot ? baseline : nil)
        self.rank = rank
        self.folder = folder
        self.configuration = configuration
        self.disk = disk
        self.store = store
        self.modules = modules
        self.aggregation = aggregation
        self.placement = placement
        self.members = members
        pinned = baseline?.position
        newest = pinned
    }

    /// Begins a checkpoint on all ranks. Waits for the one before, and for room to stage.
    /// - Parameters:
    ///   - centers: those that this rank computes for now.
    ///   - progress: in the middle of a round, how far they are.
    package func begin(_ position: RunPosition, centers: [String], progress: RoundProgress? = nil) throws {
        precondition(newest != position, "ranks may still write into a checkpoint that they have begun")
        try wait()
        newest = position
        let draft = CheckpointDraft(folder, position, progress: progress)
        let complete = folder.checkpoint(position)
        disk.submit {
            // What it names must not be written again, by a job that was taken for dead.
            guard !FileManager.default.fileExists(atPath: "\(complete)/\(Manifest.fileName)") else {
                throw FederationError(
                    attempted: "write", subject: complete,
                    reason: "it is complete already: another job goes on with the run",
                    remedy: "let that job be; nothing of it was changed")
            }
            try DurableFile.makeFolder(draft.folder)
        }
        if rank.isRoot { try stageServer(position, draft) }
        try store.contribute(centers, to: draft)
        if let modules { try modules.contribute(modules.centers, to: draft) }
        disk.submit { draft.complete() }
        underway = Underway(draft: draft, selection: selection, released: released)
    }

    /// Moves a checkpoint that is under way on, as far as it goes without waiting.
    package func advance() throws(MPIError) {
        if rank.isRoot {
            for message in try rank.communicator.collect(.report) {
                guard let report = try? JSONDecoder().decode(CheckpointDraft.Report.self, from: Data(message.bytes))
                else { continue }
                hasRemoteFailure = hasRemoteFailure || report.isFailure
                reports[report.position, default: [:]][message.rank] = report
            }
        }
        guard let current = underway else { return }
        if !rank.isRoot, disk.failure != nil {
            // The root must not wait for what will not come.
            underway = nil
            var report = CheckpointDraft.Report(position: current.position)
            report.isFailure = true
            return try post(report)
        }
        if !current.isReported, let report = current.draft.report {
            underway?.isReported = true
            guard rank.isRoot else {
                underway = nil
                return try post(report)
            }
            reports[current.position, default: [:]][0] = report
        }
        guard rank.isRoot else { return }
        if let publication = current.publication {
            guard publication.isReady else { return }
            underway = nil
            // A failure is the disk queue's, which all ranks hear of.
            guard let publication = try? publication.value().get() else { return }
            list.note(publication.fingerprint)
            published(
                Published(
                    position: current.position, bytes: publication.bytes, seconds: monotonicSeconds() - current.start,
                    problems: publication.problems))
        } else if let all = reports[current.position], all.count == rank.size {
            reports[current.position] = nil
            underway?.publication = publish(
                all.values.reduce(into: .init(position: current.position)) { $0.merge($1) }, current)
        }
    }

    private func post(_ report: CheckpointDraft.Report) throws(MPIError) {
        try rank.communicator.post(.report, Array((try? JSONEncoder().encode(report)) ?? Data()), to: 0)
    }

    /// Whether something could not be written, as far as this rank knows.
    package var hasFailed: Bool { disk.failure != nil || hasRemoteFailure }

    /// Waits until this rank has done its part of a checkpoint under way: on the root, until it is complete.
    package func wait() throws(MPIError) {
        while underway != nil, !(rank.isRoot && hasFailed) {
            try advance()
            guard underway != nil else { return }
            try rank.communicator.attend()
            var pause = timespec(tv_sec: 0, tv_nsec: 500_000)
            nanosleep(&pause, nil)
        }
        underway = nil
    }

    /// Waits until the checkpoint under way is complete. On all ranks, which agree on it.
    /// - Throws: `AgreedFailure` on all ranks where something could not be written on one.
    package func finish() throws {
        try wait()
        disk.drain()
        try agree()
    }

    /// Makes sure that no rank has failed to write. On all ranks.
    package func agree() throws {
        let failure = disk.failure.map { rank.size > 1 ? "rank \(rank.rank): \($0)" : "\($0)" } ?? ""
        let failed = try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(failure.isEmpty ? 0 : 1), .maximum)
        }
        guard failed > 0 else { return }
        let texts = try rank.communicate { ranks throws(MPIError) in try ranks.gatherBytes(Array(failure.utf8)) }
        let first = (texts ?? []).map { String(decoding: $0, as: UTF8.self) }.first { !$0.isEmpty }
        throw AgreedFailure(
            onRoot: rank,
            FederationError(
                attempted: "write", subject: "a checkpoint in \(folder.checkpoints)", reason: first ?? "unknown",
                remedy: "resume when that is solved: the last complete checkpoint is untouched"))
    }

    /// The root makes the checkpoint visible.
    private func publish(_ report: CheckpointDraft.Report, _ current: Underway) -> DiskQueue.Pending<Publication> {
        let changes = list.take(report)
        let manifest = Manifest(
            round: current.position.round, configuration: configuration.fingerprint, placement: placement,
            trainedRounds: changes.trainedRounds, members: members, selection: current.selection,
            progress: report.progress, files: changes.files, build: .current, privacy: current.released)
        let (folder, configuration, partial, pinned) = (folder, configuration, current.draft.folder, pinned)
        return disk.write { [lease, outdated] in
            // A job that was suspended may be taken for dead, and another go on with the run.
            try lease?.confirm()
            if let kept = changes.keepsList {
                try DurableFile.makeFolder(folder.lists)
                try DurableFile.share(
                    "\(folder.checkpoint(kept))/\(Manifest.fileName)", as: "\(folder.path)/\(RunFolder.list(of: kept))")
                try DurableFile.synchronize(folder.lists)
            }
            try manifest.write(to: partial)
            try DurableFile.synchronize(partial)
            // Where a damaged checkpoint has the name, it gives way.
            try DurableFile.replaceFolder(folder.checkpoint(manifest.position), by: partial)
            try DurableFile.write((manifest.position.name + "\n").utf8, to: folder.latest)
            if let best = manifest.selection?.best { try folder.note(best: RunPosition(round: best.round)) }
            outdated.add(changes.outdated, until: manifest.position)
            let problems = CheckpointRetention(folder, configuration)
                .prune(newest: manifest, told: changes.told, pinned: pinned, outdated: outdated)
            // A list of thousands of centers takes megabytes while it is written.
            if manifest.files.count > 1000 { UnusedMemory.giveBack() }
            let fingerprint = try DurableFile.fingerprint(
                "\(folder.checkpoint(manifest.position))/\(Manifest.fileName)")
            return Publication(fingerprint: fingerprint, bytes: changes.bytes, problems: problems)
        }
    }

    private func stageServer(_ position: RunPosition, _ draft: CheckpointDraft) throws {
        let name = "server.h5"
        let file = try StagedFile("\(draft.folder)/\(name)") { file in
            try StateFile.write(
                .init(
                    kind: "server", round: position.round, seed: configuration.seed, width: configuration.width),
                to: file)
            try aggregation.write(to: file)
        }
        disk.submit(staging: file.size) { draft.note(try file.write(), of: name) }
    }
}
