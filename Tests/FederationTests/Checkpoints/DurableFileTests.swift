import Federation
import Files
import Foundation
import Testing

@Suite("Durable files")
struct DurableFileTests {
    @Test(
        "fingerprints are size and CRC-32: its published check values",
        arguments: [
            ("", "00000000"), ("123456789", "cbf43926"),
            ("The quick brown fox jumps over the lazy dog", "414fa339"),
            // A leading zero is a digit, too (by Python's zlib.crc32).
            ("62", "0012d20a"),
        ])
    func fingerprint(_ text: String, _ checksum: String) throws {
        let folder = try TemporaryFolder()
        let fingerprint = try DurableFile.fingerprint(folder.write(text, to: "file"))
        #expect(fingerprint.size == text.utf8.count)
        #expect(fingerprint.crc32 == checksum)
    }

    // Python's zlib.crc32 of the same bytes.
    @Test("a file of several buffers has the checksum of all its bytes")
    func large() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/large"
        try DurableFile.write((0..<3_000_000).map { UInt8($0 % 251) }, to: path)
        let fingerprint = try DurableFile.fingerprint(path)
        #expect(fingerprint.size == 3_000_000)
        #expect(fingerprint.crc32 == "5b721d06")
    }

    /// On a disk, and in memory, where the kernel has files in its cache alone.
    @Test(
        "large files are what was written, with any end and wherever their bytes are",
        arguments: [FileManager.default.temporaryDirectory.path, "/dev/shm"])
    func alignment(_ parent: String) throws {
        let folder = try TemporaryFolder(in: parent)
        let path = folder.path + "/file"
        let (block, least) = (DirectAccess.alignment, DirectAccess.leastSize)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 20 << 20, alignment: block)
        defer { memory.deallocate() }
        for index in memory.indices { memory[index] = UInt8(truncatingIfNeeded: (index &* 2_654_435_761) >> 13) }
        for size in [least - 1, least, least + 1, 3 * least + block - 1, (8 << 20) + block, (17 << 20) + 7] {
            for start in [0, 16, 1000] {
                let content = UnsafeRawBufferPointer(rebasing: memory[start..<start + size])
                let written = try DurableFile.write(content, to: path)
                #expect(try DurableFile.fingerprint(path) == written)
                #expect(written.size == size)
                #expect(try Data(contentsOf: URL(filePath: path)) == Data(content), "\(size) bytes from \(start)")
                let window = try #require(FileWindow(path))
                var (position, count) = (0, 1)
                while position < size {
                    let range = position..<min(size, position + count)
                    #expect(window.bytes(range).map { Data($0) } == Data(content[range]), "\(range) of \(size)")
                    (position, count) = (range.upperBound, count * 7)
                }
                #expect(window.bytes(size..<size + 1) == nil)
            }
        }
        let window = try #require(FileWindow(path))
        truncate(path, off_t(5 << 20))
        #expect(window.bytes(0..<100) != nil)
        #expect(window.bytes((6 << 20)..<(7 << 20)) == nil, "the end is gone since it was opened")
    }

    @Test("writing replaces what was there and leaves nothing beside it")
    func write() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("a longer text that was there before", to: "file")
        try DurableFile.write("new".utf8, to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        #expect(Disk.names(folder.path) == ["file"])
        try DurableFile.write([], to: path)
        #expect(try DurableFile.fingerprint(path).size == 0)
    }

    @Test("what cannot be written keeps what was there, and says where")
    func failure() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("old", to: "file")
        // The place of the new file is taken by a folder.
        try DurableFile.makeFolder(path + ".partial")
        let error = #expect(throws: FederationError.self) { try DurableFile.write("new".utf8, to: path) }
        #expect(error?.subject == path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        let missing = #expect(throws: FederationError.self) {
            try DurableFile.write("new".utf8, to: folder.path + "/no/such/file")
        }
        #expect(missing?.reason == "no such file or directory")
        #expect(throws: FederationError.self) { try DurableFile.fingerprint(folder.path + "/nothing") }
    }

    @Test("a full disk is called that")
    func fullDisk() throws {
        guard Disk.exists("/dev/full") else { return }
        let folder = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/file.partial", withDestinationPath: "/dev/full")
        let error = #expect(throws: FederationError.self) {
            try DurableFile.write("new".utf8, to: folder.path + "/file")
        }
        #expect(error?.reason == "no space left on device")
        #expect(error?.remedy.hasPrefix("free space on that disk") == true)
    }

    @Test("a shared file is one file of two names, and outlives the first")
    func share() throws {
        let folder = try TemporaryFolder()
        let first = try folder.write("content", to: "first")
        let second = try folder.write("what was there", to: "second")
        try DurableFile.share(first, as: second)
        #expect(try Disk.node(first) == Disk.node(second))
        try DurableFile.remove(first)
        #expect(try String(contentsOfFile: second, encoding: .utf8) == "content")
        #expect(throws: FederationError.self) { try DurableFile.share(first, as: folder.path + "/third") }
    }

    @Test("removing takes folders with all they hold, and does not mind what is not there")
    func remove() throws {
        let folder = try TemporaryFolder()
        try folder.write("x", to: "a/b/c")
        try DurableFile.remove(folder.path + "/a")
        try DurableFile.remove(folder.path + "/a")
        #expect(Disk.names(folder.path).isEmpty)
    }
}
