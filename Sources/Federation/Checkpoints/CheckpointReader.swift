import FedCRLD
import Foundation
import HDF5
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
    /// - Parameter report: called on the root for each checkpoint that is passed over, with the reason.
    /// - Throws: on all ranks where there is none, or where a newer program has written one: the run is that program's now.
    package func newest(report: (String) -> Void) throws -> Manifest {
        let listed = try rank.communicate { ranks throws(MPIError) in
            try ranks.broadcastBytes(
                rank.isRoot ? Array(folder.positions.map(\.name).joined(separator: " ").utf8) : nil)
        }
        let positions = String(decoding: listed, as: UTF8.self).split(separator: " ")
            .compactMap { RunPosition(named: String($0)) }
        for position in positions {
            let refusal = Manifest.refusal(folder: folder.checkpoint(position))
            let refusals = try rank.communicate { ranks throws(MPIError) in
                try ranks.allReduce(Int64(refusal == nil ? 0 : 1), .minimum)
            }
            if let refusal, refusals > 0 { throw AgreedFailure(onRoot: rank, refusal) }
            let (manifest, damages) = examine(position)
            let all = try rank.communicate { ranks throws(MPIError) in
                try ranks.gatherBytes(Array(damages.joined(separator: "\n").utf8))
            }
            let found = (all ?? []).map { String(decoding: $0, as: UTF8.self) }.filter { !$0.isEmpty }
            let damaged = try rank.communicate { ranks throws(MPIError) in
                try ranks.allReduce(Int64(damages.isEmpty ? 0 : 1), .maximum)
            }
            if damaged == 0, let manifest { return manifest }
            if let first = found.first {
                report(
                    "checkpoint of \(position.description) is passed over: \(first.split(separator: "\n").first ?? "")")
            }
        }
        throw AgreedFailure(
            onRoot: rank,
            FederationError(
                attempted: "resume", subject: folder.path,
                reason: positions.isEmpty
                    ? "it has no complete checkpoint" : "all of its \(positions.count) checkpoints are damaged",
                remedy: "give the folder of a run (--out of `fedcrld train`), or start it anew"))
    }

    private func examine(_ position: RunPosition) -> (Manifest?, [String]) {
        do {
            let manifest = try Manifest.read(folder: folder.checkpoint(position))
            return (manifest, manifest.damages(run: folder, share: (rank.rank, rank.size)))
        } catch {
            return (nil, [error.description])
        }
    }
}
