#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A file that is read in pieces from front to back, with few calls and little memory, however large it is.
package final class FileWindow {
    /// Bytes of the file when it was opened.
    package let size: Int
    private let descriptor: Int32
    private var direct: DirectAccess
    private var memory: UnsafeMutableRawBufferPointer
    /// What of the file is in memory.
    private var held = 0..<0

    /// Opens a file; nil where that fails.
    package init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            return nil
        }
        size = Int(status.st_size)
        direct = DirectAccess(descriptor, size: size)
        memory = .allocate(byteCount: Self.stretch, alignment: DirectAccess.alignment)
    }

    deinit {
        close(descriptor)
        memory.deallocate()
    }

    /// What one call reads at least, where the file has as much.
    private static let stretch = 4 << 20

    /// Some bytes of the file, which stay until the next call; nil where they cannot be read.
    package func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer? {
        guard range.lowerBound >= 0, range.upperBound <= size else { return nil }
        if !(held.lowerBound <= range.lowerBound && range.upperBound <= held.upperBound) {
            guard fill(from: range.lowerBound, atLeast: range.count) else { return nil }
        }
        let start = range.lowerBound - held.lowerBound
        return UnsafeRawBufferPointer(rebasing: memory[start..<start + range.count])
    }

    /// Reads from a place on, or from a little before it.
    private func fill(from place: Int, atLeast count: Int) -> Bool {
        let start = place - place % DirectAccess.alignment
        let needed = place + count - start
        if needed > memory.count {
            memory.deallocate()
            let blocks = (needed + DirectAccess.alignment - 1) / DirectAccess.alignment
            memory = .allocate(byteCount: blocks * DirectAccess.alignment, alignment: DirectAccess.alignment)
        }
        held = start..<start
        while held.upperBound < size, held.count < memory.count {
            let free = UnsafeMutableRawBufferPointer(rebasing: memory[held.count...])
            let found = pread(descriptor, free.baseAddress, free.count, off_t(held.upperBound))
            if found < 0, errno == EINTR || direct.isRefused() { continue }
            // It ends early where another has cut it since.
            guard found > 0 else { break }
            held = start..<held.upperBound + found
        }
        return held.count >= needed
    }
}
