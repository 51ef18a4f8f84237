import FederatedLearning
import Files
import Foundation
import HDF5

/// A center on disk: which files its state rests in, how they are laid out, how they are written and read.
///
/// What rests in checkpoints is in one file, first below `working`, then linked into the folder of the states that a checkpoint is the
/// first to name. What a method keeps as history is in a snapshot of the round in which the center was last trained; of a center in the
/// middle of a round it is in the state's file. Where a part of the states is held by another rank, that one writes the same kinds of files,
/// with the part's name, and the center's own refer to them by external links.
struct CenterFiles: Sendable {
    /// The run.
    let run: RunFolder
    /// The folder of states that are not in memory.
    let working: String
    /// The parts of a state that are written here.
    let parts: [StatePart]
    /// The run's.
    let seed: UInt64
    private let images = StateImages()
    private let memory = StagingMemory()

    /// Files of a run's centers.
    /// - Parameter working: the folder of states that are not in memory; nil: the run's own.
    init(_ run: RunFolder, working: String? = nil, parts: [StatePart], seed: UInt64) {
        self.run = run
        self.working = working ?? run.working
        self.parts = parts
        self.seed = seed
    }

    // MARK: Names

    /// The part that names the files which are written here.
    private var part: StatePart { parts.contains(.center) ? .center : parts[0] }

    /// Where a state goes that leaves the memory.
    func working(_ center: String) -> String { "\(working)/\(part.fileName(center))" }

    /// A center's state as a checkpoint is the first to name it, relative to the run's folder.
    func state(_ center: String, since position: RunPosition) -> String {
        RunFolder.state(center, part: part, since: position)
    }

    /// A snapshot of a center's history, relative to the run's folder.
    func snapshot(_ center: String, _ round: Int) -> String {
        RunFolder.bank(center: center, round: round, part: part)
    }

    /// The snapshots that may be there of what is held here: the parts are in one file or in two, as they were held when the
    /// center was last trained.
    func snapshots(_ center: String, _ round: Int) -> [String] {
        parts.map { RunFolder.bank(center: center, round: round, part: $0) }
    }

    // MARK: Places

    /// Where a center's state rests.
    struct Place: Sendable {
        /// The file of what rests in checkpoints.
        var path: String
        /// The round in which it was last trained.
        var trainedRound: Int
        /// The file of what rests in the history, relative to the run's folder.
        var snapshot: String
        /// Whether the checkpoint that the run continued from names the file as the next ones can.
        var isListed = false
        /// Whether a checkpoint can hold the file as it is.
        var isShareable = true
        /// Whether another rank wrote it: network file systems show a file of another machine a little later.
        var isMoved = false
        /// Checksums that a manifest tells, by path.
        var known: [String: DurableFile.Fingerprint] = [:]
    }

    /// Where a checkpoint has a center's state; nil where it is as the seed made it.
    /// - Parameter states: the manifest's ``Manifest/stateFiles()``.
    func place(
        of center: String, _ method: any FederatedMethod, in manifest: Manifest, _ states: [String: String]
    ) -> Place? {
        let isUnderWay = manifest.isUnderWay(center)
        guard isUnderWay || manifest.trainedRounds[center] ?? 0 > 0 else { return nil }
        let all = method.parts
        let isSplit = all.contains { $0 != .center && states[$0.fileName(center)] != nil }
        // In files of another arrangement than this run's, a part would be missing or lead nowhere.
        let fits = manifest.formatVersion >= 2 && isSplit == (parts.count < all.count)
        let name = manifest.stateFile((fits ? part : .center).fileName(center), among: states)
        let isListed = !isUnderWay && name.hasPrefix("states/")
        let round = manifest.trainedRounds[center] ?? 0
        let snapshots = all.map { RunFolder.bank(center: center, round: round, part: $0) }
        var known: [String: DurableFile.Fingerprint] = [:]
        for file in [name] + snapshots { known["\(run.path)/\(file)"] = manifest.files[file] }
        return Place(
            path: "\(run.path)/\(name)", trainedRound: round,
            // A snapshot is read through the center's own, which leads to the other part wherever that was written.
            snapshot: isUnderWay ? name : snapshots[0], isListed: isListed,
            isShareable: isListed || fits && !isUnderWay, known: known)
    }

    // MARK: Reading

    /// Reads a state; again for some seconds where a file system has a passing moment, and where another rank wrote the
    /// file and it is not there yet, or is of another round.
    func read(_ place: Place, into state: CenterState, _ method: any FederatedMethod) throws {
        for attempt in 1... {
            do { return try readOnce(place, into: state, method) } catch {
                // Of the kind that network file systems have and get over.
                let mayPass = [EIO, ESTALE, ETIMEDOUT].contains((error as? HDF5Error)?.systemCode ?? 0)
                guard place.isMoved || mayPass, attempt < 5 else { throw error }
                sleep(UInt32(attempt))
            }
        }
    }

    private func readOnce(_ place: Place, into state: CenterState, _ method: any FederatedMethod) throws {
        if let marks = read(.state, place.path, into: state) {
            (state.trainedRound, state.steps, state.losses) = (marks.round, marks.steps ?? 0, marks.losses)
        } else {
            let file = try HDF5File.open(at: place.path)
            try StateFile.check(file, width: method.width, heads: state.heads)
            state.trainedRound = try file.attribute("trained_round", of: "info")
            state.steps = file.hasAttribute("steps", of: "info") ? try file.attribute("steps", of: "info") : 0
            state.losses = file.hasAttribute("losses", of: "info") ? try file.attribute("losses", of: "info") : []
            for dataset in StateDataset.all(state, resting: [.checkpoint]) { try dataset.read(from: file) }
        }
        guard state.trainedRound == place.trainedRound else {
            throw FederationError(
                attempted: "read the state of", subject: "center \(state.center) from \(place.path)",
                reason:
                    "it is of round \(state.trainedRound), and the center was last trained in round \(place.trainedRound)",
                remedy: "look at the file system that the ranks share, and resume from the last checkpoint")
        }
        try readHistory(place.snapshot, into: state, method)
    }

    /// Reads what of a state is history from a snapshot, whose name is relative to the run's folder.
    func readHistory(_ snapshot: String, into state: CenterState, _ method: any FederatedMethod) throws {
        guard state.variables.contains(where: { $0.rest == .history }) else { return }
        let path = "\(run.path)/\(snapshot)"
        guard read(.history, path, into: state) == nil else { return }
        let file = try HDF5File.open(at: path)
        try StateFile.check(file, width: method.width, heads: state.heads)
        for dataset in StateDataset.all(state, resting: [.history]) { try dataset.read(from: file) }
    }

    /// Reads a file that is as those that were written here, without the library.
    /// - Returns: its marks; nil where it is any other.
    private func read(_ kind: Kind, _ path: String, into state: CenterState) -> FileMarks? {
        let marks = FileMarks(center: state.center, round: state.trainedRound)
        let image = images.image(.init(kind, state, marks.lengths))
        let found = image?.read(path, into: StateDataset.all(state, resting: kind.rests), like: marks)
        return found?.center == state.center ? found : nil
    }

    // MARK: Writing

    /// What a file of a center holds.
    enum Kind {
        /// What rests in checkpoints.
        case state
        /// That, and the history: of a center in the middle of a round.
        case whole
        /// What rests in the history: a snapshot.
        case history

        fileprivate var rests: [Variable.Rest] {
            switch self {
            case .state: [.checkpoint]
            case .whole: [.checkpoint, .history]
            case .history: [.history]
            }
        }
    }

    /// A file of a center, laid out in memory.
    func staged(
        _ kind: Kind, _ state: CenterState, _ method: any FederatedMethod, at path: String
    ) throws -> StagedFile {
        let marks = FileMarks(
            center: state.center, round: state.trainedRound, steps: kind == .whole ? state.steps : nil,
            losses: kind == .history ? [] : state.losses)
        let datasets = StateDataset.all(state, resting: kind.rests)
        let image = try images.image(.init(kind, state, marks.lengths)) {
            try StateImage(datasets, marks) { try layOut(kind, state, method, datasets, $0, at: path) }
        }
        if let image { return memory.file(path, image.size) { image.fill($0, datasets, marks) } }
        return try StagedFile(path, layOut(kind, state, method, datasets, marks, at: path))
    }

    /// Lays a file out by the library.
    private func layOut(
        _ kind: Kind, _ state: CenterState, _ method: any FederatedMethod, _ datasets: [StateDataset],
        _ marks: FileMarks, at path: String
    ) throws(HDF5Error) -> HDF5File {
        let file = try HDF5File.createInMemory(path)
        try StateFile.write(
            .init(
                kind: kind == .history ? "bank" : "center", round: marks.round, seed: seed, width: method.width,
                center: marks.center, heads: state.heads, created: marks.created), to: file)
        try file.setAttribute("trained_round", of: "info", to: marks.round)
        if let steps = marks.steps { try file.setAttribute("steps", of: "info", to: steps) }
        if !marks.losses.isEmpty { try file.setAttribute("losses", of: "info", to: marks.losses) }
        for dataset in datasets { try dataset.write(to: file) }
        guard let (part, variables) = elsewhere(method) else { return file }
        let other = part.fileName(kind == .history ? marks.roundName : marks.center)
        for (group, module) in StateFile.groups(of: variables, resting: kind.rests) {
            try file.linkExternally("\(group)/\(module)", toFile: other, object: "/\(group)/\(module)")
        }
        return file
    }

    /// What the root keeps of these centers: their own files refer to it.
    private func elsewhere(_ method: any FederatedMethod) -> (part: StatePart, variables: [Variable])? {
        guard let part = method.remotePart, !parts.contains(part) else { return nil }
        return (part, method.variables.filter { $0.part == part })
    }
}
