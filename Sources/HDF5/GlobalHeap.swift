#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A look at a file's global heap, where texts of variable length are, before the library reads it: of a damaged one it
/// would walk in a circle for ever, since it trusts the sizes of the objects (HDF5 file format, "Global Heap").
enum GlobalHeap {
    /// What is wrong with the heap of a file; nil where nothing is, or where it cannot be read, which the library tells.
    static func damage(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return nil }
        let size = Int(status.st_size)
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            return nil
        }
        defer { munmap(start, size) }
        let bytes = UnsafeRawBufferPointer(start: start, count: size)
        var place = 0
        while let found = next(in: bytes, from: place) {
            if !isSound(bytes, at: found) { return "its global heap at byte \(found) is damaged" }
            place = found + signature.count
        }
        return nil
    }

    private static let signature = Array("GCOL".utf8)
    private static let headerSize = 16

    private static func next(in bytes: UnsafeRawBufferPointer, from place: Int) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        var place = place
        while place + signature.count <= bytes.count,
            let first = memchr(start + place, Int32(signature[0]), bytes.count - place)
        {
            place = UnsafeRawPointer(first) - start
            guard place + signature.count <= bytes.count else { return nil }
            if memcmp(start + place, signature, signature.count) == 0 { return place }
            place += 1
        }
        return nil
    }

    /// Whether the objects of a collection follow each other to its end. Collections of other versions, and what only looks
    /// like one, the library refuses by itself.
    private static func isSound(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        func number<Value: FixedWidthInteger>(_ place: Int, as type: Value.Type) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: type))
        }
        guard start + headerSize <= bytes.count, bytes[start + 4] == 1 else { return true }
        guard let size = Int(exactly: number(start + 8, as: UInt64.self)), size <= bytes.count - start else {
            return true
        }
        let end = start + size
        var place = start + headerSize
        while place + headerSize <= end {
            let index = number(place, as: UInt16.self)
            guard let length = Int(exactly: number(place + 8, as: UInt64.self)), length <= size else { return false }
            let needed = index > 0 ? headerSize + (length + 7) / 8 * 8 : length
            guard needed >= headerSize, place + needed <= end else { return false }
            place += needed
        }
        return true
    }
}
