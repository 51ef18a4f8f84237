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
    private var checksum: String? = unknownChecksum

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

    /// The center that a file is of; nil for what is no center's alone.
    package func center(ofFile path: String) -> String? {
        if path.hasPrefix("banks/") { return path.split(separator: "/").dropFirst().first.map(String.init) }
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

    /// The text of the file.
    package func encoded() throws -> [UInt8] {
        var text: [UInt8] = []
        let place = try forEachPiece { text += $0 }
        text.replaceSubrange(place, with: text.withUnsafeBytes(DurableFile.crc32).utf8)
        return text
    }

    /// Writes the file into a checkpoint's folder.
    package func write(to folder: String) throws {
        let file = try DurableFile.Pieces("\(folder)/\(Self.fileName)")
        let place = try forEachPiece { try file.append($0) }
        try file.finish(checksumAt: place)
    }

    /// Calls `body` with the text piece by piece, since with thousands of centers it is megabytes. The checksum in it is unknown.
    /// - Returns: where that is.
    private func forEachPiece(_ body: ([UInt8]) throws -> Void) throws -> Range<Int> {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var manifest = self
        manifest.checksum = Self.unknownChecksum
        (manifest.trainedRounds, manifest.files) = ([:], [:])
        let frame = Array(try encoder.encode(manifest) + [UInt8(ascii: "\n")])
        // With thousands of centers these two are nearly all of it.
        let (banks, files) = (Self.place(of: "banks", in: frame), Self.place(of: "files", in: frame))
        guard let checksum = Self.checksumPlace(in: Data(frame)), banks.upperBound <= checksum.lowerBound,
            checksum.upperBound <= files.lowerBound
        else { preconditionFailure("the checksum has a place between the lists") }
        var text = Array(frame[..<banks.lowerBound])
        var written = 0
        func flush() throws {
            try body(text)
            written += text.count
            text.removeAll(keepingCapacity: true)
        }
        func append<Value>(_ list: [String: Value], _ write: (Value, inout [UInt8]) -> Void) throws {
            guard !list.isEmpty else { return }
            var isFirst = true
            for name in list.keys.sorted() {
                guard let value = list[name] else { continue }
                text += (isFirst ? "\n    " : ",\n    ").utf8
                isFirst = false
                try Self.append(quoted: name, to: &text)
                text += " : ".utf8
                write(value, &text)
                if text.count > Self.piece { try flush() }
            }
            text += "\n  ".utf8
        }
        try append(trainedRounds) { $1 += "\($0)".utf8 }
        let place = written + text.count + checksum.lowerBound - banks.upperBound
        text += frame[banks.upperBound..<files.lowerBound]
        try append(self.files) { file, text in
            text += "{\n      \"crc32\" : \"".utf8
            text += file.crc32.utf8
            text += "\",\n      \"size\" : \(file.size)\n    }".utf8
        }
        text += frame[files.upperBound...]
        try flush()
        return place..<place + checksum.count
    }

    /// Bytes of a piece, about.
    private static let piece = 1 << 16

    /// The place between the braces of an empty list of the file's, with all that the encoder puts there.
    private static func place(of key: String, in text: [UInt8]) -> Range<Int> {
        // Members of members are further to the right.
        let text = Data(text)
        guard let start = text.range(of: Data("\n  \"\(key)\" : {".utf8)),
            let end = text[start.upperBound...].firstIndex(of: UInt8(ascii: "}"))
        else { preconditionFailure("a manifest has \(key)") }
        return start.upperBound..<end
    }

    /// Appends a text as JSON has it.
    private static func append(quoted text: String, to bytes: inout [UInt8]) throws {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) {
            bytes.append(UInt8(ascii: "\""))
            bytes += text.utf8
            bytes.append(UInt8(ascii: "\""))
        } else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            bytes += try encoder.encode(text)
        }
    }

    private static let unknownChecksum = "00000000"

    /// Where the digits of the checksum are in a manifest's text.
    private static func checksumPlace(in text: Data) -> Range<Data.Index>? {
        guard let key = text.range(of: Data("\"checksum\" : \"".utf8)), key.upperBound + 8 <= text.endIndex else {
            return nil
        }
        return key.upperBound..<key.upperBound + 8
    }

    /// Whether the text is as it was written: it has its own checksum.
    private static func isSound(_ text: Data) -> Bool {
        guard let place = checksumPlace(in: text) else { return false }
        let expected = String(decoding: text[place], as: UTF8.self)
        var bytes = text
        bytes.replaceSubrange(place, with: unknownChecksum.utf8)
        return bytes.withUnsafeBytes(DurableFile.crc32) == expected
    }

    /// The version alone, which must be known before anything else can be read.
    private struct Version: Decodable {
        var formatVersion: Int
    }

    /// Why the checkpoint in a folder is beyond this program: its format is newer. Nil where it is not, or where nothing
    /// can be read.
    package static func refusal(folder: String) -> FederationError? {
        let path = "\(folder)/\(fileName)"
        return FileManager.default.contents(atPath: path).flatMap { refusal(of: $0, at: path) }
    }

    private static func refusal(of text: Data, at path: String) -> FederationError? {
        guard let version = version(of: text), version > StateFile.formatVersion, isSound(text) else { return nil }
        return FederationError(
            attempted: "read", subject: path,
            reason: "its format version is \(version), this program knows \(StateFile.formatVersion)",
            remedy: "use the program that wrote it, or a newer one")
    }

    private static func version(of text: Data) -> Int? {
        try? JSONDecoder().decode(Version.self, from: text).formatVersion
    }

    /// Reads the manifest of a checkpoint's folder, with what it refers to in the lists of earlier checkpoints.
    package static func read(folder: String) throws(FederationError) -> Manifest {
        let path = "\(folder)/\(fileName)"
        var manifest = try decode(text(path), path: path)
        let run = RunFolder(ofCheckpoint: folder)
        for name in manifest.lists {
            do { manifest.complete(from: try list("\(run.path)/\(name)", manifest.files[name])) } catch {
                // Where it went with the checkpoint, that is what is missing.
                _ = try text(path)
                throw error
            }
        }
        return manifest
    }

    /// An earlier checkpoint's list, which must be the one that was meant.
    private static func list(
        _ path: String, _ wanted: DurableFile.Fingerprint?
    ) throws(FederationError) -> Manifest {
        let text = try text(path)
        let manifest = try decode(text, path: path)
        let found = text.withUnsafeBytes { DurableFile.Fingerprint(size: $0.count, crc32: DurableFile.crc32(of: $0)) }
        guard found == wanted else {
            throw FederationError(
                attempted: "read", subject: path, reason: "it is not the list that the checkpoint refers to",
                remedy: "use another checkpoint of the run")
        }
        return manifest
    }

    private static func text(_ path: String) throws(FederationError) -> Data {
        do { return try Data(contentsOf: URL(filePath: path)) } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw FederationError(
                attempted: "read", subject: path, reason: exists ? "it cannot be read" : "there is no such file",
                remedy: "use another checkpoint of the run")
        }
    }

    /// The lists of earlier checkpoints that it refers to, newest first.
    private var lists: [String] {
        let names = files.keys.filter { $0.hasPrefix("lists/") }
        return names.map { ($0, RunFolder.position(of: $0) ?? RunPosition(round: 0)) }.sorted { $0.1 > $1.1 }.map(\.0)
    }

    /// Whether it refers to no list of an earlier checkpoint.
    var isWhole: Bool { lists.isEmpty }

    /// Takes over what an earlier checkpoint lists of centers that no later one does, and of none.
    private mutating func complete(from list: Manifest) {
        let rounds = list.trainedRounds.filter { trainedRounds[$0.key] == nil }
        for (path, fingerprint) in list.files where !path.hasPrefix("checkpoints/") && !path.hasPrefix("lists/") {
            guard list.center(ofFile: path).map({ rounds[$0] != nil }) ?? true else { continue }
            files[path] = fingerprint
        }
        trainedRounds.merge(rounds) { $1 }
    }

    /// The manifest of a text, which is checked.
    private static func decode(_ text: Data, path: String) throws(FederationError) -> Manifest {
        func unusable(_ reason: String) -> FederationError {
            FederationError(
                attempted: "read", subject: path, reason: reason, remedy: "use another checkpoint of the run")
        }
        if let refusal = refusal(of: text, at: path) { throw refusal }
        // The first format had no checksum.
        guard isSound(text) || version(of: text) == 1 else {
            throw unusable("it is damaged (its own checksum is another)")
        }
        do {
            var manifest = try JSONDecoder().decode(Manifest.self, from: text)
            // It is the file's, and changes with what is written next.
            manifest.checksum = unknownChecksum
            return manifest
        } catch {
            throw unusable("it is damaged (\(type(of: error)))")
        }
    }

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
