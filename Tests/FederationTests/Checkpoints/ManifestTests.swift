import Federation
import Foundation
import Testing

@Suite("Manifest")
struct ManifestTests {
    /// A run's folder with three files, and their manifest in the checkpoint of round 4.
    private struct Example {
        let folder: TemporaryFolder
        let manifest: Manifest
        var run: RunFolder { RunFolder(folder.path) }
        var checkpoint: String { run.checkpoint(4) }

        init() throws {
            folder = try TemporaryFolder()
            var files: [String: DurableFile.Fingerprint] = [:]
            for name in ["banks/a/round-000004.h5", "banks/a/round-000003.h5", "checkpoints/round-000004/server.h5"] {
                files[name] = try DurableFile.fingerprint(folder.write("content of \(name)", to: name))
            }
            manifest = try ExampleCenters.manifest(round: 4, trainedRounds: ["a": 4], files: files)
            let checkpoint = RunFolder(folder.path).checkpoint(4)
            try DurableFile.write(manifest.encoded(), to: "\(checkpoint)/\(Manifest.fileName)")
        }

        func damages() -> [String] { manifest.damages(run: run) }
    }

    @Test("reads what was written")
    func roundTrip() throws {
        let example = try Example()
        #expect(try Manifest.read(folder: example.checkpoint) == example.manifest)
        #expect(example.damages().isEmpty)
    }

    @Test("is text that a person can read, sorted, with paths as they are")
    func text() throws {
        let text = String(decoding: try Example().manifest.encoded(), as: UTF8.self)
        #expect(text.contains("\"banks/a/round-000003.h5\" : {"))
        #expect(text.hasSuffix("}\n"))
    }

    @Test("reads names of any kind as they were written, and thousands of them")
    func names() throws {
        let folder = try TemporaryFolder()
        let odd = ["ä/ß", "\"quoted\"", "back\\slash", "banks", "files\" : {", "}", "tab\tand\nline", "心 臓", "\u{7F}"]
        let many = (0..<3000).map { "center-\($0)" }
        let fingerprint = try DurableFile.fingerprint(folder.write("content", to: "file"))
        let files = (odd + many).map { ("states/round-000001/\($0).h5", fingerprint) }
        let manifest = try ExampleCenters.manifest(
            round: 1, trainedRounds: Dictionary(uniqueKeysWithValues: (odd + many).map { ($0, $0.count) }),
            files: Dictionary(uniqueKeysWithValues: files))
        try manifest.write(to: folder.path)
        #expect(try Data(contentsOf: URL(filePath: "\(folder.path)/\(Manifest.fileName)")) == Data(manifest.encoded()))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["file", Manifest.fileName])
        let read = try Manifest.read(folder: folder.path)
        #expect(read == manifest)
        // As a general encoder would write it.
        let object = try JSONSerialization.jsonObject(with: Data(manifest.encoded())) as? [String: Any]
        #expect((object?["files"] as? [String: Any])?.count == files.count)
        #expect(object?["banks"] as? [String: Int] == manifest.trainedRounds)
    }

    @Test("finds a file with one wrong byte")
    func flipped() throws {
        let example = try Example()
        let path = example.checkpoint + "/server.h5"
        try Disk.damage(path)
        #expect(example.damages().count == 1)
        #expect(example.damages().first?.hasPrefix("\(path) is damaged: its checksum is ") == true)
    }

    @Test("finds a file that is shorter, longer or missing")
    func sizes() throws {
        let example = try Example()
        let (short, missing) = (example.folder.path + "/banks/a/round-000003.h5", example.checkpoint + "/server.h5")
        let size = try DurableFile.fingerprint(short).size
        try Disk.truncate(short, by: 1)
        try FileManager.default.removeItem(atPath: missing)
        #expect(
            example.damages() == ["\(short) has \(size - 1) bytes instead of \(size)", "\(missing) is missing"])
    }

    @Test("knows of every flipped bit in itself, the version's too")
    func ownChecksum() throws {
        let example = try Example()
        let path = "\(example.checkpoint)/\(Manifest.fileName)"
        let text = try Data(contentsOf: URL(filePath: path))
        for place in text.indices {
            var damaged = text
            damaged[place] ^= UInt8(1 << (place % 8))
            try damaged.write(to: URL(filePath: path))
            let error = #expect(throws: FederationError.self) { try Manifest.read(folder: example.checkpoint) }
            #expect(error?.reason.hasPrefix("it is damaged") == true, "byte \(place)")
            #expect(Manifest.refusal(folder: example.checkpoint) == nil)
        }
        try text.write(to: URL(filePath: path))
        #expect(try Manifest.read(folder: example.checkpoint) == example.manifest)
    }

    @Test("of the first format, which had no checksum, is read")
    func firstFormat() throws {
        let example = try Example()
        let first = try ExampleCenters.manifest(round: 4, trainedRounds: ["a": 4], files: [:], version: 1)
        let text = String(decoding: try first.encoded(), as: UTF8.self)
            .replacing(/"checksum" : "[0-9a-f]*",/, with: "")
        try DurableFile.write(text.utf8, to: "\(example.checkpoint)/\(Manifest.fileName)")
        #expect(try Manifest.read(folder: example.checkpoint).trainedRounds == ["a": 4])
    }

    @Test("of a newer format is refused")
    func newer() throws {
        let example = try Example()
        let version = StateFile.formatVersion + 1
        let newer = try ExampleCenters.manifest(round: 4, trainedRounds: [:], files: [:], version: version)
        try DurableFile.write(newer.encoded(), to: "\(example.checkpoint)/\(Manifest.fileName)")
        let error = #expect(throws: FederationError.self) { try Manifest.read(folder: example.checkpoint) }
        #expect(error?.reason.hasPrefix("its format version is \(version)") == true)
        #expect(Manifest.refusal(folder: example.checkpoint) == error)
    }

    @Test("that is no manifest is damaged; where there is none, that is said")
    func unreadable() throws {
        let example = try Example()
        let path = "\(example.checkpoint)/\(Manifest.fileName)"
        try Disk.truncate(path, by: 20)
        let damaged = #expect(throws: FederationError.self) { try Manifest.read(folder: example.checkpoint) }
        #expect(damaged?.reason.hasPrefix("it is damaged") == true)
        #expect(damaged?.subject == path)
        let missing = #expect(throws: FederationError.self) { try Manifest.read(folder: example.run.checkpoint(5)) }
        #expect(missing?.reason == "there is no such file")
        #expect(Manifest.refusal(folder: example.checkpoint) == nil)
    }
}
