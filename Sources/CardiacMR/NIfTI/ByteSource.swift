internal import CZlib

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The bytes of a file from the first to the last, decompressed where the file is gzip (told by its content, not its
/// name). Nothing is held in memory but zlib's window.
struct ByteSource: ~Copyable {
    private let path: String
    private let file: gzFile

    /// - Throws: when there is no such regular file or it may not be read.
    init(path: String) throws(CardiacMRError) {
        _ = try FileStatus.size(ofFile: path)
        guard let file = gzopen(path, "rb") else {
            throw .reading(path, String(cString: strerror(errno)), "check the file's permissions")
        }
        gzbuffer(file, 1 << 17)
        self.path = path
        self.file = file
    }

    deinit { gzclose_r(file) }

    /// Fills `buffer`; `what` names the bytes for the error.
    /// - Throws: when the file ends before, or its compressed data are damaged.
    func read(into buffer: UnsafeMutableRawBufferPointer, _ what: String) throws(CardiacMRError) {
        guard let base = buffer.baseAddress else { return }
        var filled = 0
        while filled < buffer.count {
            let count = gzread(file, base + filled, UInt32(min(buffer.count - filled, 1 << 24)))
            guard count > 0 else { throw failure(ended: what) }
            filled += Int(count)
        }
    }

    /// Passes over `count` bytes. No error when the file ends before: the next read reports it.
    func skip(_ count: Int) throws(CardiacMRError) {
        guard count == 0 || gzseek(file, count, SEEK_CUR) >= 0 else {
            throw .reading(
                path, "it cannot be positioned \(count) bytes further", "copy the file again from its source")
        }
    }

    /// Reads on to the end, so that gzip's checksum and length are compared with the data, unless more than `limit`
    /// bytes follow.
    func verifyEnd(limit: Int) throws(CardiacMRError) {
        let size = 1 << 16
        var total = 0
        let trouble = withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer in
            while total <= limit {
                let count = gzread(file, buffer.baseAddress, UInt32(size))
                if count < 0 { return true }
                if count == 0 { break }
                total += Int(count)
            }
            var status: Int32 = Z_OK
            _ = gzerror(file, &status)
            return status != Z_OK && status != Z_STREAM_END
        }
        if trouble { throw failure(ended: "its end") }
    }

    private func failure(ended what: String) -> CardiacMRError {
        var status: Int32 = Z_OK
        let text = gzerror(file, &status).map { String(cString: $0) } ?? ""
        switch status {
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR:
            return .reading(path, "the file is truncated: it ends before \(what)", Self.copyAgain)
        case Z_ERRNO:
            return .reading(path, String(cString: strerror(errno)), "check the disk and the file's permissions")
        default:
            return .reading(path, "its compressed data are damaged (\(text))", Self.copyAgain)
        }
    }

    private static let copyAgain = "copy the file again from its source"
}

/// What the file system knows of a path.
enum FileStatus {
    /// The size in bytes of a regular file (links are followed).
    static func size(ofFile path: String) throws(CardiacMRError) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .reading(path, String(cString: strerror(errno)), "check the path")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .reading(path, "it is not a file", "give the path of a file")
        }
        return Int(status.st_size)
    }

    /// Whether a regular file is there. Does not open it.
    static func isFile(_ path: String) -> Bool { (try? size(ofFile: path)) != nil }
}

extension CardiacMRError {
    static func reading(_ path: String, _ reason: String, _ remedy: String) -> CardiacMRError {
        CardiacMRError(attempted: "read", subject: path, reason: reason, remedy: remedy)
    }

    static func writing(_ path: String, _ reason: String, _ remedy: String) -> CardiacMRError {
        CardiacMRError(attempted: "write", subject: path, reason: reason, remedy: remedy)
    }
}
