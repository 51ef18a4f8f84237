import Files
import Foundation

/// What a file system can do for checkpoints, tried out in a folder that is gone afterwards.
package struct FileSystemProbe: Sendable {
    /// The folder that was looked at: the one that was asked for, or the nearest above it that exists.
    package let folder: String
    /// The type: "ext4", "lustre", "nfs4", …
    package let type: String
    /// Bytes that a user may still write.
    package let freeBytes: Int
    /// Bytes per second, flushed to the disk.
    package private(set) var writeSpeed = 0.0
    /// Seconds to rename and to flush the folder.
    package private(set) var renameSeconds = 0.0
    /// Whether a file can have two names.
    package private(set) var hasHardLinks = false
    /// Whether files can be locked. Nothing here needs it.
    package private(set) var hasLocks = false

    /// Tries a folder out.
    /// - Parameter bytes: how much to write.
    /// - Throws: where it cannot be written, flushed or renamed in.
    package init(_ path: String, bytes: Int = 64 << 20) throws(FederationError) {
        var folder = path
        while !FileManager.default.fileExists(atPath: folder), folder != Path.parent(of: folder) {
            folder = Path.parent(of: folder)
        }
        self.folder = folder
        var information = statvfs()
        statvfs(folder, &information)
        freeBytes = Int(information.f_bavail) * Int(information.f_frsize)
        type = Self.type(of: folder)

        let own = "\(folder)/.fedcrld-check-\(ProcessInfo.processInfo.processIdentifier)"
        try DurableFile.makeFolder(own)
        defer { try? FileManager.default.removeItem(atPath: own) }
        let content = [UInt8](repeating: 0x5A, count: min(bytes, max(1 << 16, freeBytes / 4)))
        var start = monotonicSeconds()
        let written = content.withUnsafeBytes { content in
            Result { () throws(FederationError) in try DurableFile.write(content, to: own + "/a") }
        }
        let fingerprint = try written.get()
        writeSpeed = Double(content.count) / max(1e-6, monotonicSeconds() - start)
        guard try DurableFile.fingerprint(own + "/a") == fingerprint else {
            throw FederationError(
                attempted: "read back from", subject: own, reason: "what was read is not what was written",
                remedy: "choose another file system for the run")
        }
        start = monotonicSeconds()
        try DurableFile.rename(own + "/a", to: own + "/b")
        renameSeconds = monotonicSeconds() - start
        hasHardLinks = link(own + "/b", own + "/c") == 0
        let descriptor = open(own + "/b", O_RDWR | O_CLOEXEC)
        hasLocks = descriptor >= 0 && lockf(descriptor, F_TLOCK, 0) == 0
        if descriptor >= 0 { close(descriptor) }
    }

    /// The type of the file system that a folder is on, as the kernel's table of mounts names it.
    private static func type(of folder: String) -> String {
        let path = URL(filePath: folder).resolvingSymlinksInPath().path
        let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        var best: (point: String, type: String) = ("", "unknown")
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2 else { continue }
            let point = String(fields[1]).replacing("\\040", with: " ")
            let isAbove = path == point || point == "/" || path.hasPrefix(point + "/")
            // Of several on one point the last is seen.
            if isAbove, point.count >= best.point.count { best = (point: point, type: String(fields[2])) }
        }
        return best.type
    }
}
