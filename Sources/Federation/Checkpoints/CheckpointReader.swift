import Foundation
import MPI

/// Finds the checkpoint that a run continues from.
package struct CheckpointReader {
    private let rank: RankContext
    private let folder: RunFolder

    /// A reader for a run; the same on all ranks.
    package init(_ rank: RankContext, folder: RunFolder) {
        self.rank = rank
        self.folder = folder
    }

    /// The newest complete checkpoint whose files all are as they were written; the ranks share the checking.
    ///
    /// A checkpoint is passed over only where every rank finds the same file missing or changed. What some cannot read, a
    /// passing trouble of a network file system perhaps, is no damage: it ends the attempt with an error.
    /// - Parameter report: called on the root for each checkpoint that is passed over, with the reason.
    /// - Throws: on all ranks where there is none, where a file cannot be read, or where a newer program has written one:
    ///   the run is that program's now.
    package func newest(report: (String) -> Void) throws -> Manifest {
        let positions = try rank.broadcast(rank.isRoot ? folder.positions : [])
        for position in positions {
            let (manifest, complaint) = try examine(position)
            if let manifest { return manifest }
            report("checkpoint of \(position.description) is passed over: \(complaint)")
        }
        throw AgreedFailure(
            onRoot: rank,
            FederationError(
                attempted: "resume", subject: folder.path,
                reason: positions.isEmpty
                    ? "it has no complete checkpoint" : "all of its \(positions.count) checkpoints are damaged",
                remedy: "give the folder of a run (--out of `fedcrld train`), or start it anew"))
    }

    /// A checkpoint's manifest where all is well; else what is damaged.
    private func examine(_ position: RunPosition) throws -> (Manifest?, complaint: String) {
        let path = folder.checkpoint(position)
        if let refusal = try agreedRefusal(path) { throw AgreedFailure(onRoot: rank, refusal) }
        let (manifest, unsound) = try agreedManifest(path)
        guard let manifest else { return (nil, unsound) }
        let names = manifest.files.keys.sorted()
        let share = names.indices.filter { $0 % rank.size == rank.rank }.map { names[$0] }
        let suspicious = try rank.shareAll(look(at: share, manifest).filter { $0.value != .sound }.map(\.key))
            .flatMap { $0 }.sorted()
        guard !suspicious.isEmpty else { return (manifest, "") }
        // Every rank looks at what one could not confirm.
        let views = try rank.shareAll(look(at: suspicious, manifest))
        for name in suspicious {
            let file = "\(folder.path)/\(name)"
            let conditions = views.map { $0[name] ?? .sound }
            if let damage = conditions.first, conditions.allSatisfy({ $0.isDamage }) {
                return (nil, damage.complaint(of: file) ?? "")
            }
            guard let other = conditions.firstIndex(where: { $0 != .sound }) else { continue }
            throw AgreedFailure(
                onRoot: rank,
                FederationError(
                    attempted: "resume from", subject: path,
                    reason: "on rank \(other) \(conditions[other].complaint(of: file) ?? file)"
                        + (conditions.contains(.sound) ? "; other ranks find it sound" : ""),
                    remedy: "look at the file system on that rank's node and resume again; nothing was changed"))
        }
        return (manifest, "")
    }

    private func look(at names: [String], _ manifest: Manifest) -> [String: DurableFile.Condition] {
        var found: [String: DurableFile.Condition] = [:]
        for name in names {
            guard let wanted = manifest.files[name] else { continue }
            found[name] = DurableFile.condition(of: "\(folder.path)/\(name)", wanted: wanted)
        }
        return found
    }

    private func agreedRefusal(_ path: String) throws -> FederationError? {
        let refusal = Manifest.refusal(folder: path)
        let all = try rank.shareAll(refusal.map { [$0.subject, $0.reason, $0.remedy] } ?? [])
        return all.first { !$0.isEmpty }.map {
            FederationError(attempted: "read", subject: $0[0], reason: $0[1], remedy: $0[2])
        }
    }

    /// The manifest as whichever rank can read it.
    private func agreedManifest(_ folder: String) throws -> (Manifest?, complaint: String) {
        var view = ManifestView()
        do { view.manifest = try Manifest.read(folder: folder) } catch {
            // Its own, or a list that it refers to.
            let path = error.subject
            view.complaint = "\(error)"
            // Missing and changed files tell something; what cannot be read does not.
            var status = stat()
            view.isUnreadable =
                stat(path, &status) == 0
                ? FileManager.default.contents(atPath: path) == nil : ![ENOENT, ENOTDIR].contains(errno)
        }
        let views = try rank.shareAll(view)
        if let sound = views.lazy.compactMap(\.manifest).first { return (sound, "") }
        if let other = views.firstIndex(where: \.isUnreadable) {
            throw AgreedFailure(
                onRoot: rank,
                FederationError(
                    attempted: "resume from", subject: folder, reason: "on rank \(other): \(views[other].complaint)",
                    remedy: "look at the file system on that rank's node and resume again; nothing was changed"))
        }
        return (nil, views[0].complaint)
    }

    /// What a rank sees of a manifest.
    private struct ManifestView: Codable {
        var manifest: Manifest?
        var complaint = ""
        var isUnreadable = false
    }
}

extension DurableFile.Condition {
    fileprivate var isDamage: Bool {
        switch self {
        case .missing, .damaged: true
        case .sound, .unreadable: false
        }
    }
}
