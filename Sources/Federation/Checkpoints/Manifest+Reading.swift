import Foundation

extension Manifest {
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
}
