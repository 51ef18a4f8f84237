internal import CLinux

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Reading and writing past the operating system's cache of files, where the file system can.
///
/// The state of a center that rests is not read again for many rounds. In the cache it costs a copy, memory that a batch system
/// counts as the job's, and the time that the flush of a checkpoint takes.
package struct DirectAccess: ~Copyable {
    /// What places in memory and in the file, and lengths, are a multiple of.
    package static let alignment = 4096
    /// Smaller files are not worth it.
    package static let leastSize = 1 << 20
    /// Bytes that are aligned at a time, where they are not.
    private static let stretch = 1 << 20

    private let descriptor: Int32
    /// Whether the descriptor goes past the cache at present.
    private var isOn = false
    /// Where unaligned bytes are aligned.
    private var aligned: UnsafeMutableRawBufferPointer?

    /// Turns it on for a file of so many bytes, where these are many and the file system allows it.
    package init(_ descriptor: Int32, size: Int) {
        self.descriptor = descriptor
        if size >= Self.leastSize { turn(on: true) }
    }

    deinit { aligned?.deallocate() }

    /// What of a file's bytes is to be written next, valid until the next call; the unaligned end goes the usual way.
    /// - Parameter most: bytes at most, a multiple of ``alignment``.
    package mutating func piece(
        of bytes: UnsafeRawBufferPointer, from position: Int, atMost most: Int
    ) -> UnsafeRawBufferPointer {
        let count = min(bytes.count - position, most)
        let blocks = position % Self.alignment == 0 ? count - count % Self.alignment : 0
        if isOn, blocks == 0 { turn(on: false) }
        let piece = UnsafeRawBufferPointer(rebasing: bytes[position..<position + (isOn ? blocks : count)])
        guard isOn, UInt(bitPattern: piece.baseAddress) % UInt(Self.alignment) != 0 else { return piece }
        let copy = aligned ?? .allocate(byteCount: Self.stretch, alignment: Self.alignment)
        aligned = copy
        let filled = min(piece.count, copy.count)
        copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece[..<filled]))
        return UnsafeRawBufferPointer(rebasing: copy[..<filled])
    }

    /// Whether a call has just failed because this file system cannot do it after all; it is off then, and the call is to be
    /// repeated.
    package mutating func isRefused() -> Bool {
        guard isOn, errno == EINVAL else { return false }
        turn(on: false)
        return true
    }

    private mutating func turn(on wanted: Bool) {
        let error = errno
        let flags = fcntl(descriptor, F_GETFL)
        isOn =
            flags >= 0
            && fcntl(descriptor, F_SETFL, wanted ? flags | CLinux_directAccess : flags & ~CLinux_directAccess) == 0
            && wanted
        errno = error
    }
}
