import Files
import Foundation

/// A folder that is gone after the test.
final class TemporaryFolder: Sendable {
    let path: String

    init(in parent: String = FileManager.default.temporaryDirectory.path) throws {
        let url = URL(filePath: parent).appending(path: "federation-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and the folders above it.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: Path.parent(of: file), withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }
}

/// What tests do with files.
enum Disk {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Inverts a byte in the middle of a file, as a bad disk would.
    static func damage(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 0xFF
        try bytes.write(to: URL(filePath: path))
    }

    /// Cuts off a file's last bytes, as a crash would.
    static func truncate(_ path: String, by count: Int) throws {
        try Data(contentsOf: URL(filePath: path)).dropLast(count).write(to: URL(filePath: path))
    }

    /// The number that two names of one file share.
    static func node(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    }
}
