import Files
import Foundation
import HDF5
import Synchronization

/// Where a center's state rests on disk.
struct RestingPlace: Sendable {
    /// The file of its networks and optimizers.
    var path: String
    /// The round in which it was last trained.
    var trainedRound: Int
    /// The file of its momentum bank, relative to the run's folder.
    var bank: String
    /// Whether a checkpoint can hold the file as it is.
    var isShareable = true
    /// Whether another rank wrote it: network file systems show a file of another machine a little later.
    var isMoved = false
    /// Checksums that a manifest tells, by path.
    var known: [String: DurableFile.Fingerprint] = [:]

    /// Reads the state; again for some seconds where a file system has a passing moment, and where another rank wrote the
    /// file and it is not there yet, or is of another round.
    /// - Parameter run: the run's folder.
    func read(into state: CenterState, run: RunFolder) throws {
        for attempt in 1... {
            do { return try readOnce(into: state, run: run) } catch {
                guard isMoved || Self.mayPass(error), attempt < 5 else { throw error }
                sleep(UInt32(attempt))
            }
        }
    }

    /// Whether an error is of a kind that network file systems have and get over.
    private static func mayPass(_ error: any Error) -> Bool {
        let reason = (error as? HDF5Error)?.reason ?? ""
        return [EIO, ESTALE, ETIMEDOUT].contains { reason.contains(SystemFailure(code: $0).description) }
    }

    private func readOnce(into state: CenterState, run: RunFolder) throws {
        let file = try HDF5File.open(at: path)
        try StateFile.check(file, network: state.network)
        state.trainedRound = try file.attribute("trained_round", of: "info")
        guard state.trainedRound == trainedRound else {
            throw FederationError(
                attempted: "read the state of", subject: "center \(state.name) from \(path)",
                reason:
                    "it is of round \(state.trainedRound), and the center was last trained in round \(trainedRound)",
                remedy: "look at the file system that the ranks share, and resume from the last checkpoint")
        }
        state.steps = file.hasAttribute("steps", of: "info") ? try file.attribute("steps", of: "info") : 0
        for (_, bank) in state.orderedParts { try StateFile.read(bank, .training, from: file) }
        let snapshot = try HDF5File.open(at: "\(run.path)/\(bank)")
        try StateFile.check(snapshot, network: state.network)
        for (_, bank) in state.orderedParts { try StateFile.read(bank, .bank, from: snapshot) }
    }
}

/// The checksums of files that were written, so that nobody reads them again to tell.
final class Fingerprints: Sendable {
    private let known = Mutex<[String: DurableFile.Fingerprint]>([:])

    /// Notes what was written to a path.
    func note(_ fingerprint: DurableFile.Fingerprint, of path: String) { known.withLock { $0[path] = fingerprint } }

    /// The file is another's now, or will not be asked for.
    func forget(_ path: String) { known.withLock { $0[path] = nil } }

    /// The checksum of a file; of one that was not written here, by reading it.
    func of(_ path: String) throws(FederationError) -> DurableFile.Fingerprint {
        if let found = known.withLock({ $0[path] }) { return found }
        return try DurableFile.fingerprint(path)
    }
}

/// The files of a center's state, laid out in memory.
extension CenterStore {
    /// Whether the root keeps the relocalization of this store's centers.
    private var relocalizationElsewhere: Bool { placement == .root && !parts.contains(.relocalization) }

    /// A center's networks and optimizers and, in the middle of a round, its bank.
    func file(of state: CenterState, _ path: String, withBank: Bool) throws -> StagedFile {
        try StagedFile(path) { file in
            try describe(state, kind: "center", in: file)
            if withBank { try file.setAttribute("steps", of: "info", to: state.steps) }
            for (_, bank) in state.orderedParts {
                try StateFile.write(bank, .training, to: file)
                if withBank { try StateFile.write(bank, .bank, to: file) }
            }
            guard relocalizationElsewhere else { return }
            let other = CenterState.Part.relocalization.fileName(state.name)
            for group in StateFile.relocalizationGroups + (withBank ? ["bank"] : []) {
                try file.linkExternally(
                    group + "/relocalization", toFile: other, object: "/\(group)/relocalization")
            }
        }
    }

    /// A bank's snapshot.
    func snapshot(of state: CenterState, _ path: String) throws -> StagedFile {
        try StagedFile(path) { file in
            try describe(state, kind: "bank", in: file)
            for (_, bank) in state.orderedParts { try StateFile.write(bank, .bank, to: file) }
            guard relocalizationElsewhere else { return }
            let other = CenterState.Part.relocalization.fileName(RunPosition(round: state.trainedRound).name)
            try file.linkExternally("bank/relocalization", toFile: other, object: "/bank/relocalization")
        }
    }

    private func describe(_ state: CenterState, kind: String, in file: borrowing HDF5File) throws(HDF5Error) {
        try StateFile.write(
            .init(kind: kind, round: state.trainedRound, seed: seed, network: state.network, center: state.name),
            to: file)
        try file.setAttribute("trained_round", of: "info", to: state.trainedRound)
    }
}
