import FedCRLD
import Foundation
import HDF5
import MPI

/// Writes a checkpoint on all ranks: complete or absent.
///
/// Each rank writes the files of its centers into `round-N.partial`, closed and flushed. When all have succeeded, the root
/// writes the manifest, renames the folder and replaces `latest`. A crash at any instant leaves the checkpoint before.
package struct CheckpointWriter {
    private let rank: RankContext
    private let folder: RunFolder
    private let configuration: Configuration

    /// A writer for a run; the same on all ranks.
    package init(_ rank: RankContext, folder: RunFolder, configuration: Configuration) {
        self.rank = rank
        self.folder = folder
        self.configuration = configuration
    }

    /// What a rank has written.
    private struct Report: Codable {
        var files: [String: DurableFile.Fingerprint] = [:]
        var banks: [String: Int] = [:]
        var failure: String?
    }

    /// Writes the checkpoint after `round`. On all ranks; returns its manifest.
    /// - Parameters:
    ///   - store: the centers that this rank hosts.
    ///   - relocalizations: on the root with root placement, their relocalization.
    /// - Throws: on all ranks where one has failed; `AgreedFailure` on those that have nothing to say.
    package func write(
        round: Int, store: CenterStore, relocalizations: CenterStore?, model: GlobalModel
    ) throws -> Manifest {
        let partial = folder.partialCheckpoint(round)
        _ = try agree { () throws in
            guard rank.isRoot else { return Report() }
            try DurableFile.remove(partial)
            try DurableFile.makeFolder(partial + "/centers")
            return Report()
        }
        let report = try agree { () throws in
            var report = Report()
            for center in store.centers {
                let path = "\(partial)/centers/\(center).h5"
                try store.write(center, round: round, to: path)
                report.banks[center] = store.trainedRound(of: center)
                try record(path, as: "\(relative(round))/centers/\(center).h5", in: &report)
            }
            if rank.isRoot {
                let path = partial + "/server.h5"
                try writeServer(round: round, relocalizations: relocalizations, model: model, to: path)
                try record(path, as: "\(relative(round))/server.h5", in: &report)
            }
            for held in [store, relocalizations].compactMap({ $0 }) {
                for center in held.centers {
                    for part in held.parts {
                        try recordBank(center, round: held.trainedRound(of: center), part: part, in: &report)
                    }
                }
            }
            try DurableFile.synchronize(partial + "/centers")
            return report
        }
        return try publish(report, round: round)
    }

    /// The root makes the checkpoint visible; all ranks learn its manifest.
    private func publish(_ report: Report, round: Int) throws -> Manifest {
        let partial = folder.partialCheckpoint(round)
        var manifest = Manifest(
            formatVersion: StateFile.formatVersion, program: Program.name, round: round,
            configuration: configuration.fingerprint, placement: configuration.crl.placement.rawValue,
            banks: report.banks, files: report.files)
        _ = try agree { () throws in
            guard rank.isRoot else { return Report() }
            try DurableFile.write(manifest.encoded(), to: "\(partial)/\(Manifest.fileName)")
            try DurableFile.synchronize(partial)
            let complete = folder.checkpoint(round)
            // Where a damaged checkpoint of this round has the name, it gives way.
            try DurableFile.replaceFolder(complete, by: partial)
            try DurableFile.write((RunFolder.name(round: round) + "\n").utf8, to: folder.latest)
            try CheckpointRetention(folder, configuration).prune(newest: manifest)
            return Report()
        }
        // Banks that only other ranks know are needed to find states later.
        let banks = try rank.communicate { ranks throws(MPIError) in
            try ranks.broadcastBytes(rank.isRoot ? Array((try? JSONEncoder().encode(report.banks)) ?? Data()) : nil)
        }
        manifest.banks = try JSONDecoder().decode([String: Int].self, from: Data(banks))
        return manifest
    }

    /// Runs `body` on all ranks and merges their reports on the root. Where one has failed, all fail.
    private func agree(_ body: () throws -> Report) throws -> Report {
        var report = Report()
        do { report = try body() } catch {
            report.failure = rank.size > 1 ? "rank \(rank.rank): \(error)" : "\(error)"
        }
        let reports = try rank.communicate { [report] ranks throws(MPIError) in
            try ranks.gatherBytes(Array((try? JSONEncoder().encode(report)) ?? Data()))
        }
        var merged = Report()
        for bytes in reports ?? [] {
            let other = try JSONDecoder().decode(Report.self, from: Data(bytes))
            merged.files.merge(other.files) { $1 }
            merged.banks.merge(other.banks) { $1 }
            merged.failure = merged.failure ?? other.failure
        }
        let failed = try rank.communicate { [merged] ranks throws(MPIError) in
            try ranks.allReduce(Int64(merged.failure == nil ? 0 : 1), .maximum)
        }
        guard failed == 0 else {
            throw AgreedFailure(
                onRoot: rank,
                FederationError(
                    attempted: "write", subject: "a checkpoint in \(folder.checkpoints)",
                    reason: merged.failure ?? "unknown",
                    remedy: "resume when that is solved: the last complete checkpoint is untouched"))
        }
        return merged
    }

    private func writeServer(
        round: Int, relocalizations: CenterStore?, model: GlobalModel, to path: String
    ) throws {
        let file = try HDF5File.create(at: path)
        try StateFile.write(
            .init(kind: "server", round: round, seed: configuration.seed, network: model.network, center: nil), to: file
        )
        try model.write(to: file)
        if let relocalizations {
            for center in relocalizations.centers {
                try relocalizations.withState(of: center) { state in
                    try relocalizations.ensureSnapshot(state)
                    for (_, bank) in state.orderedParts {
                        try StateFile.write(bank, .training, to: file, group: "centers/\(center)/")
                    }
                }
            }
        }
        try file.close()
        try DurableFile.synchronize(path)
    }

    private func relative(_ round: Int) -> String { "checkpoints/\(RunFolder.name(round: round))" }

    private func record(_ path: String, as name: String, in report: inout Report) throws {
        report.files[name] = try DurableFile.fingerprint(path)
    }

    private func recordBank(
        _ center: String, round: Int, part: CenterState.Part, in report: inout Report
    ) throws {
        let name = RunFolder.bank(center: center, round: round, part: part)
        // The parts are in one file or in two, as they were held when the center was last trained.
        guard FileManager.default.fileExists(atPath: "\(folder.path)/\(name)") else { return }
        try record("\(folder.path)/\(name)", as: name, in: &report)
    }
}
