import Federation
import Foundation
import Testing

@Suite("Replacing a folder")
struct ReplacementTests {
    /// Runs `body` in a folder that holds `round-000002` (of the content "old") and is removed afterwards.
    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "replacement-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try make(folder + "/round-000002", "old")
        try body(folder)
    }

    private static func make(_ folder: String, _ content: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try content.write(toFile: folder + "/content", atomically: true, encoding: .utf8)
    }

    private static func content(_ folder: String) throws -> [String: String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return try Dictionary(
            uniqueKeysWithValues: names.map {
                ($0, try String(contentsOfFile: "\(folder)/\($0)/content", encoding: .utf8))
            })
    }

    @Test("puts the new one in the old one's place and leaves nothing else")
    func replaces() throws {
        try Self.inFolder { folder in
            try Self.make(folder + "/round-000002.partial", "new")
            try DurableFile.replaceFolder(folder + "/round-000002", by: folder + "/round-000002.partial")
            #expect(try Self.content(folder) == ["round-000002": "new"])
        }
    }

    @Test("after a crash before the new one was there, the old one is put back")
    func undoes() throws {
        try Self.inFolder { folder in
            try FileManager.default.moveItem(
                atPath: folder + "/round-000002", toPath: folder + "/round-000002.replaced")
            try DurableFile.undoReplacements(in: folder)
            #expect(try Self.content(folder) == ["round-000002": "old"])
        }
    }

    @Test("after a crash when the new one was there, the old one is removed")
    func completes() throws {
        try Self.inFolder { folder in
            try Self.make(folder + "/round-000002.replaced", "older")
            try DurableFile.undoReplacements(in: folder)
            #expect(try Self.content(folder) == ["round-000002": "old"])
        }
    }

    @Test("a folder that is not there has nothing to undo")
    func missing() throws {
        try DurableFile.undoReplacements(in: "/nowhere/at/all")
    }
}
