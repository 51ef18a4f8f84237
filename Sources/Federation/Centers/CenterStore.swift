import FederatedLearning
import Foundation

/// The states of the centers that a rank computes for. A bounded number of them is in memory, the others rest in files.
///
/// A state that is not in memory is where it was last written: in the `working` folder, where the checkpoint that the run
/// continued from has it, or nowhere, if it still is as the seed made it. What a method keeps as history rests in the snapshot of the
/// round in which the center was last trained. What is written is staged in memory and written by the disk queue, in
/// order; a state is read beside that, or behind it where it is to be written itself. Files are flushed to the disk when a
/// checkpoint refers to them.
package final class CenterStore {
    /// The parts of a center that this store holds.
    package let parts: [StatePart]
    private let files: CenterFiles
    private let disk: DiskQueue
    private let methods: [String: any FederatedMethod]
    private let seed: UInt64
    private let capacity: Int
    /// Whether something of the parts that it holds is history.
    private let keepsHistory: Bool
    private var resident: [CenterState] = []
    /// Centers in memory that are not as their files are.
    private var changed: Set<String> = []
    private var places: [String: CenterFiles.Place] = [:]
    private var upcoming: (center: String, state: DiskQueue.Pending<CenterState>)?
    /// The last write of each center, until it is known to be done.
    private var unwritten: [String: DiskQueue.Pending<Void>] = [:]

    /// - Parameters:
    ///   - folder: the run's.
    ///   - working: the folder of states that are not in memory; nil: the run's own.
    ///   - methods: the method of each center.
    ///   - parts: the parts of a state that live on this rank.
    ///   - capacity: the most states in memory, at least 1. One that is being read ahead comes on top.
    ///   - baseline: the checkpoint that the run continues from.
    package init(
        folder: RunFolder, working: String? = nil, methods: [String: any FederatedMethod], parts: [StatePart],
        seed: UInt64, capacity: Int, baseline: Manifest?, disk: DiskQueue
    ) {
        files = CenterFiles(folder, working: working, parts: parts, seed: seed)
        self.methods = methods
        centers = methods.keys.sorted()
        self.parts = parts
        self.seed = seed
        self.capacity = capacity
        self.disk = disk
        keepsHistory = methods.values.contains { method in
            method.variables.contains { $0.rest == .history && parts.contains($0.part) }
        }
        guard let baseline else { return }
        let states = baseline.stateFiles()
        for (center, method) in methods { places[center] = files.place(of: center, method, in: baseline, states) }
    }

    // MARK: States

    /// The state of a center, in memory from now on; another one may be set aside for it.
    package func state(of center: String) throws -> CenterState {
        if let index = resident.firstIndex(where: { $0.center == center }) {
            let state = resident.remove(at: index)
            resident.append(state)
            return state
        }
        // One in the middle of a round stays.
        while resident.count >= capacity, let index = resident.firstIndex(where: { $0.steps == 0 }) {
            try setAside(resident.remove(at: index))
        }
        let reading = upcoming.flatMap { $0.center == center ? $0.state : nil } ?? read(center)
        upcoming = nil
        let state = try reading.value(whileWaiting: disk.whileWaiting).get()
        resident.append(state)
        return state
    }

    /// The names of all centers, in order.
    package let centers: [String]

    /// Whether a center's state is in memory.
    package func isResident(_ center: String) -> Bool { resident.contains { $0.center == center } }

    /// Begins to read a center's state that will be asked for next, beside what the caller does.
    package func prefetch(_ center: String) {
        guard !isResident(center), upcoming?.center != center else { return }
        upcoming = (center, read(center))
    }

    /// Calls `body` with the state of a center, which stays where it is.
    package func withState<Result>(of center: String, _ body: (CenterState) throws -> Result) throws -> Result {
        if let state = resident.first(where: { $0.center == center }) { return try body(state) }
        return try body(try read(center).value(whileWaiting: disk.whileWaiting).get())
    }

    /// The round in which a center was last trained; 0 before the first.
    package func trainedRound(of center: String) -> Int {
        resident.first { $0.center == center }?.trainedRound ?? places[center]?.trainedRound ?? 0
    }

    /// Marks a center as being trained.
    package func begin(_ state: CenterState) { changed.insert(state.center) }

    /// Marks the end of a center's training in a round: what the method keeps as history becomes a snapshot.
    /// - Parameter isCheckpointed: whether a checkpoint at the round's end will need the rest of the state, too.
    package func finish(_ state: CenterState, round: Int, isCheckpointed: Bool = false) throws {
        state.trainedRound = round
        state.steps = 0
        changed.insert(state.center)
        try stageSnapshot(state)
        if isCheckpointed { try stage(state) }
    }

    /// Gives centers up to other ranks, which find their states in files.
    package func release(_ centers: [String]) throws {
        for center in centers {
            if upcoming?.center == center { upcoming = nil }
            guard let index = resident.firstIndex(where: { $0.center == center }) else { continue }
            try setAside(resident.remove(at: index))
        }
    }

    /// Takes over a center from another rank, which has released it.
    ///
    /// Its file is looked for when it is read, and compared with that round.
    /// - Parameter trainedRound: the round in which it was last trained.
    package func adopt(_ center: String, trainedRound: Int) {
        guard trainedRound > 0 else { return }
        let path = files.working(center)
        // Where it was not trained since the run began here, its state is in the checkpoint, which every rank can see.
        if places[center]?.trainedRound == trainedRound, !FileManager.default.fileExists(atPath: path) { return }
        places[center] = CenterFiles.Place(
            path: path, trainedRound: trainedRound, snapshot: files.snapshot(center, trainedRound), isMoved: true)
        // Another rank wrote it: what is known of an earlier file of this name is void.
        let fingerprints = fingerprints
        disk.submit { fingerprints.forget(path) }
    }

    /// Removes the files of the working folder that hold this store's centers.
    package func removeWorkingFiles() {
        disk.drain()
        for center in places.keys {
            unlink(files.working(center))
            unlink(files.working(center) + ".partial")
        }
        rmdir(files.working)
    }

    /// Checksums of what was written here.
    private let fingerprints = Fingerprints()

    // MARK: Checkpoints

    /// The checkpoint before; nil before the first.
    private var last: RunPosition?

    /// Queues what this store's part of some centers contributes to a checkpoint: a second name for the files of those that were
    /// trained since the one before. All others are listed already, whoever held them then.
    package func contribute(_ centers: [String], to draft: CheckpointDraft) throws {
        defer { last = draft.position }
        var news: [(center: String, place: CenterFiles.Place)] = []
        for center in centers {
            let isForeign = last == nil && places[center]?.isShareable == false
            if changed.contains(center) || isForeign {
                let state =
                    try resident.first { $0.center == center }
                    ?? read(center).value(whileWaiting: disk.whileWaiting).get()
                if state.steps > 0 {
                    try stageUnderWay(state, draft)
                    continue
                }
                // Of one that has but begun a round, nothing is new.
                if isForeign || state.trainedRound > places[center]?.trainedRound ?? 0 { try stage(state) }
            }
            guard let place = places[center] else { continue }
            if let last { if place.trainedRound <= last.round { continue } } else if place.isListed { continue }
            news.append((center, place))
        }
        let (fingerprints, files) = (fingerprints, files)
        disk.submit { [news, keepsHistory] in
            try fingerprints.flush()
            guard !news.isEmpty else { return }
            let (run, folder) = (files.run.path, files.run.states(since: draft.position))
            try DurableFile.makeFolder(folder)
            for (center, place) in news {
                let path = files.state(center, since: draft.position)
                try DurableFile.share(place.path, as: "\(run)/\(path)")
                let file = try place.known[place.path] ?? fingerprints.of(place.path)
                var entry = CheckpointDraft.Entry(
                    center: center, trainedRound: place.trainedRound, files: [path: file])
                for snapshot in files.snapshots(center, place.trainedRound) {
                    let path = "\(run)/\(snapshot)"
                    guard FileManager.default.fileExists(atPath: path) else {
                        // A part may be in another's file; one's own is there.
                        guard keepsHistory, snapshot == place.snapshot else { continue }
                        throw FederationError(
                            attempted: "write a checkpoint with", subject: path,
                            reason: "the snapshot of center \(center) is gone, which this job wrote",
                            remedy: "resume from the last checkpoint, and let nobody else change files of the run")
                    }
                    entry.files[snapshot] = try place.known[path] ?? fingerprints.of(path)
                }
                draft.note(entry, at: path)
            }
            try DurableFile.synchronize(folder)
        }
    }

    /// Writes a center in the middle of a round, its history included, for a checkpoint.
    private func stageUnderWay(_ state: CenterState, _ draft: CheckpointDraft) throws {
        let name = files.state(state.center, since: draft.position)
        let path = "\(files.run.path)/\(name)"
        let file = try files.staged(.whole, state, method(of: state.center), at: path)
        let (center, trainedRound) = (state.center, state.trainedRound)
        let folder = files.run.states(since: draft.position)
        disk.submit(staging: file.size) {
            try DurableFile.makeFolder(folder)
            draft.note(.init(center: center, trainedRound: trainedRound, files: [name: try file.write()]), at: name)
        }
    }

    // MARK: Files

    private func setAside(_ state: CenterState) throws {
        if changed.contains(state.center) { try stage(state) }
    }

    /// Queues the writing of a state without its history.
    private func stage(_ state: CenterState) throws {
        let path = files.working(state.center)
        let file = try files.staged(.state, state, method(of: state.center), at: path)
        let (working, fingerprints) = (files.working, fingerprints)
        unwritten[state.center] = disk.write(staging: file.size) {
            try DurableFile.makeFolder(working)
            fingerprints.note(try file.write(isFlushed: false), of: path)
        }
        changed.remove(state.center)
        // Where it was not trained since it was read, its snapshot still is where it was.
        let old = places[state.center].flatMap { $0.trainedRound == state.trainedRound ? $0 : nil }
        places[state.center] = CenterFiles.Place(
            path: path, trainedRound: state.trainedRound,
            snapshot: old?.snapshot ?? files.snapshot(state.center, state.trainedRound),
            known: old?.known.filter { $0.key != old?.path } ?? [:])
    }

    /// Queues the writing of a snapshot of the history.
    private func stageSnapshot(_ state: CenterState) throws {
        guard keepsHistory else { return }
        let path = "\(files.run.path)/\(files.snapshot(state.center, state.trainedRound))"
        let file = try files.staged(.history, state, method(of: state.center), at: path)
        let folder = "\(files.run.banks)/\(state.center)"
        let fingerprints = fingerprints
        let previous = places[state.center].map { "\(files.run.path)/\($0.snapshot)" }
        unwritten[state.center] = disk.write(staging: file.size) {
            try DurableFile.makeFolder(folder)
            fingerprints.note(try file.write(isFlushed: false), of: path)
            if let previous { fingerprints.forget(previous) }
        }
    }

    private func read(_ center: String) -> DiskQueue.Pending<CenterState> {
        let method = method(of: center)
        let (parts, seed, place, files) = (parts, seed, places[center], files)
        let isWritten = unwritten[center].map { $0.isReady } ?? true
        if isWritten { unwritten[center] = nil }
        return disk.read(isBehind: !isWritten) {
            let state = method.state(of: center, parts: parts, seed: place == nil ? seed : nil)
            if let place { try files.read(place, into: state, method) }
            return state
        }
    }

    /// The method of a center.
    func method(of center: String) -> any FederatedMethod {
        guard let method = methods[center] else { preconditionFailure("\(center) is not one of this store's") }
        return method
    }
}
