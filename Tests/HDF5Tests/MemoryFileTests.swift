import Foundation
import HDF5
import Testing

@Suite("Files in memory")
struct MemoryFileTests {
    /// Fills a file with datasets, groups, attributes and links.
    private static func fill(_ file: borrowing HDF5File, _ first: Float) throws {
        try file.write((0..<100_000).map { first + Float($0) }, shape: [100, 1000], to: "network/weight")
        try file.write([first], shape: [1], to: "network/bias")
        try file.createGroup("info")
        try file.setAttribute("round", of: "info", to: 12)
        try file.linkExternally("elsewhere", toFile: "other.h5", object: "/network")
    }

    @Test("have the bytes of the same file on a disk")
    func bytes() throws {
        let folder = try TemporaryFolder()
        let onDisk = try HDF5File.create(at: folder.file("a.h5"))
        try Self.fill(onDisk, 1)
        try onDisk.close()
        let inMemory = try HDF5File.createInMemory("b.h5")
        try Self.fill(inMemory, 1)
        try inMemory.withImage { #expect(Data($0).count == (try? folder.bytes("a.h5").count)) }
        try inMemory.withImage { try folder.write(Array($0), to: "b.h5") }
        // The library may lay two files out differently; what they hold is the same.
        for name in ["a.h5", "b.h5"] {
            let file = try HDF5File.open(at: folder.file(name))
            #expect(try file.read("network/weight", as: Float.self).last == 100_000)
            #expect(try file.read("network/bias") == [Float(1)])
            #expect(try file.attribute("round", of: "info") == 12)
        }
    }

    @Test("of one name are apart, and leave nothing on the disk")
    func apart() throws {
        let folder = try TemporaryFolder()
        let first = try HDF5File.createInMemory(folder.file("a.h5"))
        let second = try HDF5File.createInMemory(folder.file("a.h5"))
        try Self.fill(first, 1)
        try Self.fill(second, 2)
        #expect(try first.read("network/bias") == [Float(1)])
        #expect(try second.read("network/bias") == [Float(2)])
        try first.close()
        try second.close()
        #expect(!FileManager.default.fileExists(atPath: folder.file("a.h5")))
    }
}
