import FederatedLearning
import Files
import Foundation
import HDF5
import Synchronization

/// Where a center's state rests on disk.
struct RestingPlace: Sendable {
    /// The file of what rests in checkpoints.
    var path: String
    /// The round in which it was last trained.
    var trainedRound: Int
    /// The file of what rests in the history, relative to the run's folder.
    var snapshot: String
    /// Whether a checkpoint can hold the file as it is.
    var isShareable = true
    /// Whether another rank wrote it: network file systems show a file of another machine a little later.
    var isMoved = false
    /// Checksums that a manifest tells, by path.
    var known: [String: DurableFile.Fingerprint] = [:]

    /// Reads the state; again for some seconds where a file system has a passing moment, and where another rank wrote the
    /// file and it is not there yet, or is of another round.
    /// - Parameters:
    ///   - width: of the method's networks.
    ///   - run: the run's folder.
    func read(into state: CenterState, width: Int, run: RunFolder) throws {
        for attempt in 1... {
            do { return try readOnce(into: state, width: width, run: run) } catch {
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

    private func readOnce(into state: CenterState, width: Int, run: RunFolder) throws {
        let file = try HDF5File.open(at: path)
        try StateFile.check(file, width: width, heads: state.heads)
        state.trainedRound = try file.attribute("trained_round", of: "info")
        guard state.trainedRound == trainedRound else {
            throw FederationError(
                attempted: "read the state of", subject: "center \(state.center) from \(path)",
                reason:
                    "it is of round \(state.trainedRound), and the center was last trained in round \(trainedRound)",
                remedy: "look at the file system that the ranks share, and resume from the last checkpoint")
        }
        state.steps = file.hasAttribute("steps", of: "info") ? try file.attribute("steps", of: "info") : 0
        try StateFile.read(state, resting: .checkpoint, from: file)
        try StateFile.readOptimizers(state, from: file)
        guard state.variables.contains(where: { $0.rest == .history }) else { return }
        let history = try HDF5File.open(at: "\(run.path)/\(snapshot)")
        try StateFile.check(history, width: width, heads: state.heads)
        try StateFile.read(state, resting: .history, from: history)
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
    /// What the root keeps of this store's centers: their own files refer to it.
    private func elsewhere(_ center: String) -> (part: StatePart, variables: [Variable])? {
        let method = method(of: center)
        guard let part = method.remotePart, !parts.contains(part) else { return nil }
        return (part, method.variables.filter { $0.part == part })
    }

    /// What of a center rests in checkpoints and, in the middle of a round, its history.
    func file(of state: CenterState, _ path: String, withHistory: Bool) throws -> StagedFile {
        try StagedFile(path) { file in
            try describe(state, kind: "center", in: file)
            if withHistory { try file.setAttribute("steps", of: "info", to: state.steps) }
            try StateFile.write(state, resting: .checkpoint, to: file)
            try StateFile.writeOptimizers(state, to: file)
            if withHistory { try StateFile.write(state, resting: .history, to: file) }
            guard let (part, variables) = elsewhere(state.center) else { return }
            try link(
                StateFile.groups(of: variables, resting: withHistory ? [.checkpoint, .history] : [.checkpoint]),
                to: part.fileName(state.center), in: file)
        }
    }

    /// A snapshot of the history.
    func snapshot(of state: CenterState, _ path: String) throws -> StagedFile {
        try StagedFile(path) { file in
            try describe(state, kind: "bank", in: file)
            try StateFile.write(state, resting: .history, to: file)
            guard let (part, variables) = elsewhere(state.center) else { return }
            try link(
                StateFile.groups(of: variables, resting: [.history]),
                to: part.fileName(RunPosition(round: state.trainedRound).name), in: file)
        }
    }

    private func link(
        _ groups: [(group: String, module: String)], to other: String, in file: borrowing HDF5File
    ) throws(HDF5Error) {
        for (group, module) in groups {
            try file.linkExternally("\(group)/\(module)", toFile: other, object: "/\(group)/\(module)")
        }
    }

    private func describe(_ state: CenterState, kind: String, in file: borrowing HDF5File) throws(HDF5Error) {
        try StateFile.write(
            .init(
                kind: kind, round: state.trainedRound, seed: seed, width: method(of: state.center).width,
                center: state.center, heads: state.heads), to: file)
        try file.setAttribute("trained_round", of: "info", to: state.trainedRound)
    }
}
