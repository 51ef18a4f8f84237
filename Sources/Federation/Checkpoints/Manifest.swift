import FederatedLearning
import Foundation

/// A checkpoint's list of contents, written last: with it the checkpoint is complete.
///
/// Of many centers it may name those alone that are not as in the checkpoint before, and some more, with the lists of earlier
/// checkpoints (`lists/…` among its files) that name the rest; one that was read has all (``CheckpointList``).
package struct Manifest: Codable, Sendable, Equatable {
    /// Version of the checkpoint format.
    package var formatVersion: Int
    /// The program that wrote it.
    package var program: String
    /// Rounds that are complete.
    package var round: Int
    /// Fingerprint of the settings that decide the result.
    package var configuration: String
    /// Where contrastive re-localization ran.
    package var placement: String
    /// The round in which each center was last trained, which its newest snapshot is of. A center that was not
    /// trained yet has 0 and no file: it is as the seed makes it.
    package var trainedRounds: [String: Int]
    /// The centers whose data is pooled, with the head of the pooled state that is each one's; nil where every center has a
    /// state of its own.
    package var members: [String: Int]?
    /// What evaluations on validation cases have found; nil where there was none.
    package var selection: ModelSelection?
    /// How far the centers are in the round after `round`; nil at a round's end.
    package var progress: RoundProgress?
    /// Every file that is needed, relative to the run's folder, with size and checksum.
    package var files: [String: DurableFile.Fingerprint]
    /// What the run had told of its centers; nil where it does not hide them.
    package var privacy: ReleasedPrivacy?
    /// The build that wrote it; nil in those of earlier programs.
    package var build: BuildInformation?
    /// The CRC-32 of this file's own bytes, with zeros in its place.
    var checksum: String? = unknownChecksum

    /// The names that files have them by.
    private enum CodingKeys: String, CodingKey {
        case formatVersion, program, round, configuration, placement, members, selection, progress, files, build,
            privacy,
            checksum
        case trainedRounds = "banks"
    }

    /// The contents of a checkpoint.
    package init(
        formatVersion: Int = StateFile.formatVersion, program: String = Program.name, round: Int, configuration: String,
        placement: String, trainedRounds: [String: Int], members: [String: Int]? = nil,
        selection: ModelSelection? = nil, progress: RoundProgress? = nil, files: [String: DurableFile.Fingerprint],
        build: BuildInformation? = nil, privacy: ReleasedPrivacy? = nil
    ) {
        self.privacy = privacy
        self.build = build
        self.formatVersion = formatVersion
        self.program = program
        self.round = round
        self.configuration = configuration
        self.placement = placement
        self.trainedRounds = trainedRounds
        self.members = members
        self.selection = selection
        self.progress = progress
        self.files = files
    }

    /// The names of all centers, in order, whether each has a state of its own or their data is pooled.
    package var centers: [String] { (members ?? trainedRounds).keys.sorted() }

    /// The point of the run that it holds.
    package var position: RunPosition { RunPosition(round: round, steps: progress?.steps ?? 0) }

    /// Whether a center was stopped in the middle of its part of a round. Its history is in its own file then.
    package func isUnderWay(_ center: String) -> Bool {
        progress?.centers[center] != nil && (trainedRounds[center] ?? 0) <= round
    }

    /// Where the centers' states are, relative to the run's folder, by the names of their files: `NAME.h5`, `NAME.PART.h5`.
    package func stateFiles() -> [String: String] {
        files.keys.reduce(into: [:]) { found, path in Self.name(ofState: path).map { found[String($0)] = path } }
    }

    /// Where one of these files is; where it is not listed, it is missed there.
    /// - Parameter states: ``stateFiles()``.
    func stateFile(_ name: String, among states: [String: String]) -> String {
        states[name] ?? "checkpoints/\(position.name)/centers/\(name)"
    }

    /// The center that a file is of; nil for what is no center's alone.
    package func center(ofFile path: String) -> String? {
        if let center = RunFolder.center(ofBank: path) { return center }
        guard let stem = Self.name(ofState: path)?.dropLast(".h5".count) else { return nil }
        let name = String(stem)
        if trainedRounds[name] != nil { return name }
        // The name of a part follows.
        return stem.lastIndex(of: ".").map { String(stem[..<$0]) }
    }

    /// The name of a file that holds a center's state; nil for other files. One that was put back, and all of earlier formats,
    /// are in the checkpoint's folder.
    private static func name(ofState path: String) -> Substring? {
        guard path.hasSuffix(".h5"), path.hasPrefix("states/") || path.contains("/centers/") else { return nil }
        return path.split(separator: "/").last
    }

    /// The file's name in a checkpoint's folder.
    package static let fileName = "manifest.json"

    /// What stands in its place while it is not known.
    static let unknownChecksum = "00000000"

    /// Where the digits of the checksum are in a manifest's text.
    static func checksumPlace(in text: Data) -> Range<Data.Index>? {
        guard let key = text.range(of: Data("\"checksum\" : \"".utf8)), key.upperBound + 8 <= text.endIndex else {
            return nil
        }
        return key.upperBound..<key.upperBound + 8
    }

    /// The lists of earlier checkpoints that it refers to, newest first.
    var lists: [String] {
        let names = files.keys.filter { $0.hasPrefix("lists/") }
        return names.map { ($0, RunFolder.position(of: $0) ?? RunPosition(round: 0)) }.sorted { $0.1 > $1.1 }.map(\.0)
    }

    /// Whether it refers to no list of an earlier checkpoint.
    var isWhole: Bool { lists.isEmpty }

    /// What is wrong with the files, one sentence each; nothing where all are as they were written.
    package func damages(run: RunFolder) -> [String] {
        files.sorted { $0.key < $1.key }.compactMap { name, wanted in
            let path = "\(run.path)/\(name)"
            return DurableFile.condition(of: path, wanted: wanted).complaint(of: path)
        }
    }
}

extension DurableFile.Condition {
    /// What is wrong with a file, as a sentence; nil where nothing is.
    func complaint(of path: String) -> String? {
        switch self {
        case .sound: nil
        case .missing: "\(path) is missing"
        case .damaged(let how): "\(path) \(how)"
        case .unreadable(let why): "\(path) cannot be read: \(why)"
        }
    }
}
