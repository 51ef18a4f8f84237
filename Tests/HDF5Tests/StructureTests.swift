import Foundation
import HDF5
import Testing

@Suite("Structure")
struct StructureTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("lists groups and datasets in the order of their names")
    func listing() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        for path in ["b/z", "b/a/x", "a", "ä/é"] { try file.write([1] as [Float], shape: [1], to: path) }
        try file.createGroup("empty/inner")
        try file.createGroup("empty/inner")
        #expect(try file.children(of: "/") == ["a", "b", "empty", "ä"])
        #expect(try file.children(of: "b") == ["a", "z"])
        #expect(try file.children(of: "/empty/inner") == [])
        #expect(try file.datasets() == ["a", "b/a/x", "b/z", "ä/é"])
        #expect(try file.datasets(under: "/b/") == ["b/a/x", "b/z"])
        #expect(failure { try file.children(of: "a") }.reason.contains("is a dataset"))
        #expect(failure { try file.datasets(under: "c") }.reason.contains("no /c"))
    }

    @Test("tells groups, datasets and nothing apart")
    func lookingUp() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([1] as [Float], shape: [1], to: "network/weight")
        #expect(file.exists("/") && file.exists("network") && file.exists("/network//weight/"))
        #expect(!file.exists("bank") && !file.exists("bank/weight") && !file.exists("network/weight/x"))
        #expect(file.isGroup("/") && file.isGroup("network"))
        #expect(!file.isGroup("network/weight") && !file.isGroup("bank"))
    }

    private func writeLinked() throws {
        try FileManager.default.createDirectory(atPath: folder.file("banks"), withIntermediateDirectories: true)
        let bank = try HDF5File.create(at: folder.file("banks/bank.h5"))
        try bank.write([1, 2] as [Float], shape: [2], to: "bank/encoder/weight")
        try bank.setAttribute("round", of: "bank", to: 12)
        try bank.close()
        try FileManager.default.createDirectory(atPath: folder.file("centers"), withIntermediateDirectories: true)
        let center = try HDF5File.create(at: folder.file("centers/a.h5"))
        try center.write([3] as [Float], shape: [1], to: "network/weight")
        try center.linkExternally("state/bank", toFile: "../banks/bank.h5", object: "bank")
        try center.close()
    }

    @Test("follows links into other files, relative to the folder of the file")
    func externalLinks() throws {
        try writeLinked()
        let file = try HDF5File.open(at: folder.file("centers/a.h5"))
        #expect(file.exists("state/bank/encoder") && file.isGroup("state/bank"))
        #expect(try file.datasets() == ["network/weight", "state/bank/encoder/weight"])
        #expect(try file.read("state/bank/encoder/weight") == [Float(1), 2])
        #expect(try file.attribute("round", of: "state/bank") == 12)
    }

    @Test("follows links while the other file is locked or open here")
    func lockedTarget() throws {
        try writeLinked()
        let descriptor = Foundation.open(folder.file("banks/bank.h5"), O_RDONLY)
        defer { Foundation.close(descriptor) }
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        let file = try HDF5File.openForUpdate(at: folder.file("centers/a.h5"))
        #expect(try file.read("state/bank/encoder/weight") == [Float(1), 2])
        let bank = try HDF5File.open(at: folder.file("banks/bank.h5"))
        #expect(try file.read("state/bank/encoder/weight") == [Float(1), 2])
        #expect(try bank.read("bank/encoder/weight") == [Float(1), 2])
    }

    @Test("names the file that a link misses")
    func missingTarget() throws {
        try writeLinked()
        try FileManager.default.removeItem(atPath: folder.file("banks/bank.h5"))
        let file = try HDF5File.open(at: folder.file("centers/a.h5"))
        #expect(file.exists("state/bank") == false)
        #expect(try file.children(of: "state") == ["bank"])
        let error = failure { try file.read("state/bank/encoder/weight", as: Float.self) }
        #expect(error.reason == "/state/bank links to /bank in ../banks/bank.h5: no such file or directory")
        #expect(error.systemCode == ENOENT)
        #expect(failure { try file.datasets() }.reason.contains("../banks/bank.h5"))
    }

    @Test("names the object that a link misses in its file")
    func missingTargetObject() throws {
        try writeLinked()
        try HDF5File.create(at: folder.file("banks/bank.h5")).close()
        let file = try HDF5File.open(at: folder.file("centers/a.h5"))
        let error = failure { try file.read("state/bank/encoder/weight", as: Float.self) }
        #expect(error.reason == "/state/bank links to /bank in ../banks/bank.h5: there is no such object in it")
    }

    @Test("stops at links that go in a circle")
    func cycle() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.linkExternally("a/up", toFile: "a.h5", object: "/")
        try file.linkExternally("b/up", toFile: "a.h5", object: "/")
        #expect(throws: HDF5Error.self) { try file.datasets() }
    }
}
