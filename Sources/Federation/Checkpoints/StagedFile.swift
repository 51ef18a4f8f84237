import Files
import HDF5
import Synchronization

/// A file that was laid out in memory and is to be written as a whole, by any thread.
package final class StagedFile: @unchecked Sendable {
    private enum Content: ~Copyable {
        case file(HDF5File)
        case bytes(UnsafeMutableRawBufferPointer)
    }
    private let content: Content
    private let path: String
    private let release: @Sendable () -> Void
    /// Bytes in memory.
    let size: Int

    /// Lays out an HDF5 file for `path`.
    package convenience init(_ path: String, _ fill: (borrowing HDF5File) throws -> Void) throws {
        let file = try HDF5File.createInMemory(path)
        try fill(file)
        try self.init(path, file)
    }

    /// A file in memory for `path`.
    init(_ path: String, _ file: consuming HDF5File) throws {
        self.path = path
        size = try file.withImage(\.count)
        content = .file(file)
        release = {}
    }

    /// Bytes for `path`.
    /// - Parameter release: called when they are not needed any more.
    init(_ path: String, _ bytes: UnsafeMutableRawBufferPointer, release: @escaping @Sendable () -> Void) {
        self.path = path
        size = bytes.count
        content = .bytes(bytes)
        self.release = release
    }

    deinit { release() }

    /// Writes the file in place of what was there.
    /// - Parameters:
    ///   - isShared: whether other processes may write it at the same time.
    ///   - isFlushed: whether it is flushed to the disk.
    @discardableResult
    package func write(isShared: Bool = false, isFlushed: Bool = true) throws -> DurableFile.Fingerprint {
        switch content {
        case .file(let file):
            try file.withImage { bytes throws(FederationError) in
                try DurableFile.write(bytes, to: path, isShared: isShared, isFlushed: isFlushed)
            }
        case .bytes(let bytes):
            try DurableFile.write(UnsafeRawBufferPointer(bytes), to: path, isShared: isShared, isFlushed: isFlushed)
        }
    }
}

/// Memory for files that are written one after the other: new memory costs as much as filling it.
final class StagingMemory: Sendable {
    private struct Block: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
    }
    private let spare = Mutex<[Block]>([])

    /// Bytes that are kept at most while nobody needs them.
    private static let most = 32 << 20

    deinit { spare.withLock { for block in $0 { block.bytes.deallocate() } } }

    /// A file of so many bytes for `path`, with undefined content that is to be filled.
    func file(_ path: String, _ size: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) -> StagedFile {
        let found = spare.withLock { spare in
            let fitting = spare.indices.filter { spare[$0].bytes.count >= size }
            return fitting.min { spare[$0].bytes.count < spare[$1].bytes.count }.map { spare.remove(at: $0) }
        }
        let block = found ?? Block(bytes: .allocate(byteCount: size, alignment: DirectAccess.alignment))
        let bytes = UnsafeMutableRawBufferPointer(rebasing: block.bytes[..<size])
        fill(bytes)
        return StagedFile(path, bytes) { self.take(back: block) }
    }

    private func take(back block: Block) {
        let isKept = spare.withLock { spare in
            guard spare.reduce(block.bytes.count, { $0 + $1.bytes.count }) <= Self.most else { return false }
            spare.append(block)
            return true
        }
        if !isKept { block.bytes.deallocate() }
    }
}
