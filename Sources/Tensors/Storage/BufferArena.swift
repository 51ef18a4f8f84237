#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Address space for large buffers, in pages. Free neighbours become one, so that what some buffers gave back serves larger
/// and smaller ones, and little lies idle between them.
struct BufferArena {
    private struct Extent {
        var start: UInt
        var bytes: Int
        var end: UInt { start + UInt(bytes) }
    }

    /// What nobody uses, by address; no two touch.
    private var free: [Extent] = []
    /// Where the system was last asked for memory: what comes next should follow it.
    private var end: UInt?

    private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    private static let hugePage = 2 << 20
    /// Below what the system has placed, so far that all memory of a machine finds room.
    private static let room: UInt = 1 << 40

    /// What a buffer of so many bytes takes.
    static func capacity(_ bytes: Int) -> Int { (bytes + page - 1) / page * page }

    /// A buffer of a capacity: the smallest free place, else new memory.
    mutating func take(_ capacity: Int) -> UnsafeMutableRawPointer {
        var best: Int?
        for (index, extent) in free.enumerated() where extent.bytes >= capacity {
            if best.map({ extent.bytes < free[$0].bytes }) ?? true { best = index }
        }
        let index = best ?? grow(capacity)
        let start = free[index].start
        if free[index].bytes == capacity {
            free.remove(at: index)
        } else {
            free[index] = Extent(start: start + UInt(capacity), bytes: free[index].bytes - capacity)
        }
        guard let pointer = UnsafeMutableRawPointer(bitPattern: start) else { preconditionFailure("memory at zero") }
        return pointer
    }

    /// Takes back a buffer.
    mutating func give(_ pointer: UInt, _ capacity: Int) { insert(Extent(start: pointer, bytes: capacity)) }

    /// Returns the pages that nobody uses to the system; their addresses stay.
    func trim() {
        for extent in free { madvise(UnsafeMutableRawPointer(bitPattern: extent.start), extent.bytes, MADV_DONTNEED) }
    }

    /// Asks the system for as much as makes a free place of `capacity` bytes.
    /// - Returns: the place's index.
    private mutating func grow(_ capacity: Int) -> Int {
        let last = free.last.flatMap { $0.end == end ? $0.bytes : nil } ?? 0
        if let end, let start = map(capacity - last, near: end) {
            if start == end || last == 0 { return add(start, capacity - last) }
            // Something else is where this memory would have grown.
            unmap(start, capacity - last)
        }
        guard let start = map(capacity, near: end ?? firstPlace()) else {
            fatalError("the system has no \(capacity >> 20) MiB more for feature maps and parameters")
        }
        return add(start, capacity)
    }

    /// An address with room around it.
    private func firstPlace() -> UInt {
        guard let probe = map(Self.hugePage, near: 0) else { return 0 }
        unmap(probe, Self.hugePage)
        return (probe > 2 * Self.room ? probe - Self.room : probe) & ~UInt(Self.hugePage - 1)
    }

    private mutating func add(_ start: UInt, _ bytes: Int) -> Int {
        let bytes = Self.wholeHugePages(bytes)
        // Only a wish: transforms write to 36 or 64 places in turn, which ordinary pages' address translation does not keep
        // up with. Without huge pages all works the same.
        madvise(UnsafeMutableRawPointer(bitPattern: start), bytes, MADV_HUGEPAGE)
        end = start + UInt(bytes)
        return insert(Extent(start: start, bytes: bytes))
    }

    private static func wholeHugePages(_ bytes: Int) -> Int { (bytes + hugePage - 1) / hugePage * hugePage }

    /// New memory of whole huge pages, near an address if that is free.
    private func map(_ bytes: Int, near hint: UInt) -> UInt? {
        let pointer = mmap(
            UnsafeMutableRawPointer(bitPattern: hint), Self.wholeHugePages(bytes), PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return pointer == MAP_FAILED ? nil : UInt(bitPattern: pointer)
    }

    private func unmap(_ start: UInt, _ bytes: Int) {
        munmap(UnsafeMutableRawPointer(bitPattern: start), Self.wholeHugePages(bytes))
    }

    @discardableResult
    private mutating func insert(_ extent: Extent) -> Int {
        var index = free.firstIndex { $0.start > extent.start } ?? free.count
        free.insert(extent, at: index)
        if index + 1 < free.count, extent.end == free[index + 1].start {
            free[index].bytes += free.remove(at: index + 1).bytes
        }
        if index > 0, free[index - 1].end == extent.start {
            free[index - 1].bytes += free.remove(at: index).bytes
            index -= 1
        }
        return index
    }
}
