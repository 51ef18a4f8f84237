internal import CZlib
import Files
import Foundation

/// Files that survive a crash: written beside their place, flushed to the disk, then renamed.
package enum DurableFile {
    /// Size and CRC-32 of a file's content.
    package struct Fingerprint: Codable, Sendable, Equatable {
        /// Bytes.
        package var size: Int
        /// CRC-32 (zlib's) of all bytes, eight hexadecimal digits.
        package var crc32: String
    }

    /// Writes a whole file and replaces what was there in one step.
    package static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(FederationError) {
        func whole(_ content: UnsafeRawBufferPointer) -> Result<Fingerprint, FederationError> {
            Result { () throws(FederationError) in try write(content, to: path) }
        }
        let result = bytes.withContiguousStorageIfAvailable { whole(UnsafeRawBufferPointer($0)) }
        _ = try (result ?? Array(bytes).withUnsafeBytes(whole)).get()
    }

    /// Writes a whole file and replaces what was there in one step. Returns its size and checksum.
    /// - Parameters:
    ///   - isShared: whether other processes may write a file of this name at the same time.
    ///   - isFlushed: whether the file survives a crash of the machine; else ``flush(_:)`` sees to that later.
    @discardableResult
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to path: String, isShared: Bool = false, isFlushed: Bool = true
    ) throws(FederationError) -> Fingerprint {
        let temporary = path + (isShared ? ".\(UUID().uuidString)" : "") + ".partial"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("write", path) }
        func give(up code: Int32 = errno) -> FederationError {
            close(descriptor)
            unlink(temporary)
            return failure("write", path, code: code)
        }
        var checksum = crc32_z(0, nil, 0)
        var position = 0
        var direct = DirectAccess(descriptor, size: bytes.count)
        while position < bytes.count {
            let piece = direct.piece(of: bytes, from: position, atMost: largestPiece)
            let written = Foundation.write(descriptor, piece.baseAddress, piece.count)
            if written < 0, errno == EINTR || direct.isRefused() { continue }
            guard written >= 0 else { throw give(up: errno) }
            checksum = crc32_z(checksum, piece.baseAddress?.assumingMemoryBound(to: UInt8.self), written)
            position += written
        }
        try end(descriptor, of: temporary, for: path, isFlushed: isFlushed)
        if isFlushed {
            try rename(temporary, to: path)
        } else {
            guard Foundation.rename(temporary, path) == 0 else { throw failure("rename to", path) }
        }
        return Fingerprint(size: bytes.count, crc32: hexadecimal(checksum))
    }

    /// Ends the writing of a file beside its place; where that fails, it is gone.
    static func end(
        _ descriptor: Int32, of temporary: String, for path: String, isFlushed: Bool
    ) throws(FederationError) {
        var code = isFlushed && fsync(descriptor) != 0 ? errno : 0
        // Network file systems may tell of a full disk only now.
        if close(descriptor) != 0, code == 0 { code = errno }
        guard code == 0 else {
            unlink(temporary)
            throw failure("write", path, code: code)
        }
    }

    /// What one call writes at most.
    private static let largestPiece = 8 << 20

    /// Renames a file or folder and makes the new name durable.
    package static func rename(_ old: String, to new: String) throws(FederationError) {
        guard Foundation.rename(old, new) == 0 else { throw failure("rename to", new) }
        try synchronize(Path.parent(of: new))
    }

    /// Puts a folder in another's place. Until it is there, the other exists as `old.replaced`: after a crash between the
    /// two, ``undoReplacements(in:)`` puts it back.
    package static func replaceFolder(_ old: String, by new: String) throws(FederationError) {
        let aside = old + replacedSuffix
        try remove(aside)
        if FileManager.default.fileExists(atPath: old) { try rename(old, to: aside) }
        try rename(new, to: old)
        try remove(aside)
    }

    /// Puts back the folders in `parent` that a crash left aside before others were in their places.
    package static func undoReplacements(in parent: String) throws(FederationError) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        where name.hasSuffix(replacedSuffix) {
            let (aside, old) = ("\(parent)/\(name)", "\(parent)/\(name.dropLast(replacedSuffix.count))")
            if FileManager.default.fileExists(atPath: old) { try remove(aside) } else { try rename(aside, to: old) }
        }
    }

    private static let replacedSuffix = ".replaced"

    /// Flushes a file, or a folder's entries, to the disk.
    /// - Parameter mayBeGone: whether it is no error that there is none.
    package static func synchronize(_ path: String, mayBeGone: Bool = false) throws(FederationError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT, mayBeGone { return }
        guard descriptor >= 0 else { throw failure("flush", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("flush", path) }
    }

    /// Flushes files and their names to the disk, but for those that are gone meanwhile.
    package static func flush(_ paths: Set<String>) throws(FederationError) {
        for path in paths.sorted() + Set(paths.map(Path.parent(of:))).sorted() {
            try synchronize(path, mayBeGone: true)
        }
    }

    /// Size and checksum of a file.
    package static func fingerprint(_ path: String) throws(FederationError) -> Fingerprint {
        do { return try readFingerprint(path) } catch { throw failure("read", path, code: error.code) }
    }

    /// What a look at a file that was written before shows.
    package enum Condition: Codable, Sendable, Equatable {
        /// It is as it was written.
        case sound
        /// There is none.
        case missing
        /// It is another: a sentence without its subject.
        case damaged(String)
        /// It cannot be read now, which tells nothing about it.
        case unreadable(String)
    }

    /// Compares a file with what was written. What cannot be read is tried again: network file systems have passing moments.
    package static func condition(of path: String, wanted: Fingerprint) -> Condition {
        for attempt in 1... {
            do {
                let found = try readFingerprint(path)
                if found.size != wanted.size { return .damaged("has \(found.size) bytes instead of \(wanted.size)") }
                guard found == wanted else {
                    return .damaged("is damaged: its checksum is \(found.crc32) instead of \(wanted.crc32)")
                }
                return .sound
            } catch {
                if error.code == ENOENT { return .missing }
                guard attempt < 3 else { return .unreadable(error.description) }
                sleep(1)
            }
        }
        return .missing
    }

    private static func readFingerprint(_ path: String) throws(SystemFailure) -> Fingerprint {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure() }
        defer { close(descriptor) }
        var size = 0
        var checksum = crc32_z(0, nil, 0)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemFailure() }
            if count == 0 { break }
            checksum = crc32_z(checksum, buffer, count)
            size += count
        }
        return Fingerprint(size: size, crc32: hexadecimal(checksum))
    }

    /// The CRC-32 of bytes in memory, as eight hexadecimal digits.
    static func crc32(of bytes: [UInt8]) -> String { bytes.withUnsafeBytes(crc32) }

    /// The same.
    static func crc32(of bytes: UnsafeRawBufferPointer) -> String {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return hexadecimal(crc32_z(crc32_z(0, nil, 0), start, bytes.count))
    }

    static func hexadecimal(_ checksum: UInt) -> String {
        let digits = String(checksum, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// Gives an immutable file a second name; copies it where the file system has no hard links.
    package static func share(_ path: String, as other: String) throws(FederationError) {
        unlink(other)
        if link(path, other) == 0 { return }
        do { try FileManager.default.copyItem(atPath: path, toPath: other) } catch {
            throw failure("copy \(path) to", other, error: error)
        }
        try synchronize(other)
    }

    /// Makes a folder and those above it, for good; fine where it is there.
    package static func makeFolder(_ path: String) throws(FederationError) {
        var missing: [String] = []
        var folder = path
        while folder != "/", folder != ".", !FileManager.default.fileExists(atPath: folder) {
            missing.append(folder)
            folder = Path.parent(of: folder)
        }
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw failure("make the folder", path, error: error)
        }
        for folder in missing { try synchronize(Path.parent(of: folder)) }
    }

    /// Removes a file or a folder with all it holds; fine where there is none.
    package static func remove(_ path: String) throws(FederationError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw failure("remove", path, error: error)
        }
    }

    static func failure(
        _ attempted: String, _ path: String, error: (any Error)? = nil, code: Int32 = errno
    ) -> FederationError {
        var code = code
        if let error {
            var cause = error as NSError
            while let inner = cause.userInfo[NSUnderlyingErrorKey] as? NSError { cause = inner }
            if cause.domain == NSPOSIXErrorDomain { code = Int32(cause.code) }
        }
        let cause = SystemFailure(code: code)
        let remedy =
            cause.isLackOfSpace
            ? "free space on that disk and start again: what was complete there is untouched"
            : "check that the folder exists and may be written"
        return FederationError(attempted: attempted, subject: path, reason: cause.description, remedy: remedy)
    }
}
