import Foundation

/// A checkpoint's list of contents, written last: with it the checkpoint is complete.
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
    /// The round of the newest momentum bank of each center: the last one that it was trained in. A center that was not
    /// trained yet has 0 and no file: it is as the seed makes it.
    package var banks: [String: Int]
    /// How far the centers are in the round after `round`; nil at a round's end.
    package var progress: RoundProgress?
    /// Every file that is needed, relative to the run's folder, with size and checksum.
    package var files: [String: DurableFile.Fingerprint]
    /// The CRC-32 of this file's own bytes, with zeros in its place.
    private var checksum: String? = unknownChecksum

    /// The contents of a checkpoint.
    package init(
        formatVersion: Int = StateFile.formatVersion, program: String = Program.name, round: Int, configuration: String,
        placement: String, banks: [String: Int], progress: RoundProgress? = nil,
        files: [String: DurableFile.Fingerprint]
    ) {
        self.formatVersion = formatVersion
        self.program = program
        self.round = round
        self.configuration = configuration
        self.placement = placement
        self.banks = banks
        self.progress = progress
        self.files = files
    }

    /// The point of the run that it holds.
    package var position: RunPosition { RunPosition(round: round, steps: progress?.steps ?? 0) }

    /// Whether a center was stopped in the middle of its part of a round. Its momentum bank is in its own file then.
    package func isUnderWay(_ center: String) -> Bool {
        progress?.centers[center] != nil && (banks[center] ?? 0) <= round
    }

    /// The name of a center's file in the list of files.
    package func file(of center: String, part: CenterState.Part = .client) -> String {
        "checkpoints/\(position.name)/\(Self.file(of: center, part: part))"
    }

    /// A center's file in a checkpoint's folder.
    package static func file(of center: String, part: CenterState.Part = .client) -> String {
        "centers/\(part.fileName(center))"
    }

    /// The file's name in a checkpoint's folder.
    package static let fileName = "manifest.json"

    /// The text of the file.
    package func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var manifest = self
        manifest.checksum = Self.unknownChecksum
        var text = try encoder.encode(manifest) + [UInt8(ascii: "\n")]
        guard let place = Self.checksumPlace(in: text) else { preconditionFailure("the checksum has a place") }
        text.replaceSubrange(place, with: DurableFile.crc32(of: Array(text)).utf8)
        return text
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
        return DurableFile.crc32(of: Array(bytes)) == expected
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

    /// Reads the manifest of a checkpoint's folder.
    package static func read(folder: String) throws(FederationError) -> Manifest {
        let path = "\(folder)/\(fileName)"
        func unusable(_ reason: String) -> FederationError {
            FederationError(
                attempted: "read", subject: path, reason: reason, remedy: "use another checkpoint of the run")
        }
        let text: Data
        do { text = try Data(contentsOf: URL(filePath: path)) } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw unusable(exists ? "it cannot be read" : "there is no such file")
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
    /// - Parameter share: check every `count`-th file from `index`, for ranks that divide the work.
    package func damages(run: RunFolder, share: (index: Int, count: Int) = (0, 1)) -> [String] {
        var damages: [String] = []
        for (position, item) in files.sorted(by: { $0.key < $1.key }).enumerated()
        where position % share.count == share.index {
            let path = "\(run.path)/\(item.key)"
            do {
                let found = try DurableFile.fingerprint(path)
                if found.size != item.value.size {
                    damages.append("\(path) has \(found.size) bytes instead of \(item.value.size)")
                } else if found != item.value {
                    damages.append("\(path) is damaged: its checksum is \(found.crc32) instead of \(item.value.crc32)")
                }
            } catch {
                damages.append(FileManager.default.fileExists(atPath: path) ? error.description : "\(path) is missing")
            }
        }
        return damages
    }
}
