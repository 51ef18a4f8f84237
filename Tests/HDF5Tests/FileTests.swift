import Foundation
import HDF5
import Testing

@Suite("Files")
struct FileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ name: String) throws {
        try HDF5File.open(at: folder.file(name)).close()
    }

    @Test("that are missing are told from folders and from foreign files")
    func distinctReasons() throws {
        try folder.write([], to: "empty.h5")
        try folder.write(Array("PK\u{3}\u{4} surely not".utf8), to: "foreign.h5")
        let missing = failure { try open("missing.h5") }
        #expect(missing.reason == "no such file or directory")
        #expect(missing.systemCode == ENOENT)
        #expect(failure { try open("empty.h5") }.reason == "it is not an HDF5 file")
        #expect(failure { try open("foreign.h5") }.reason == "it is not an HDF5 file")
        #expect(failure { try HDF5File.open(at: "") }.reason.contains("empty"))
        #expect(
            failure { try open("missing.h5") }.description
                == "cannot open \(folder.file("missing.h5")): no such file or directory; check the path")
    }

    @Test("that were cut short are said to be truncated", arguments: [0.05, 0.3, 0.9, 0.999])
    func truncated(fraction: Double) throws {
        let writing = try HDF5File.create(at: folder.file("a.h5"))
        try writing.write([Float](repeating: 1, count: 10_000), shape: [10_000], to: "a")
        try writing.close()
        let bytes = try folder.bytes("a.h5")
        try folder.write(bytes[..<Int(Double(bytes.count) * fraction)], to: "cut.h5")
        let error = failure { try open("cut.h5") }
        #expect(error.reason == "the file is truncated")
        #expect(error.subject == folder.file("cut.h5"))
    }

    @Test("with a flipped bit in a dataset are damaged, not wrong", arguments: [0, 4_001, 39_999])
    func damaged(position: Int) throws {
        let values = (0..<10_000).map { Float($0) }
        let writing = try HDF5File.create(at: folder.file("a.h5"))
        try writing.write(values, shape: [100, 100], to: "network/weight")
        try writing.write([1, 2, 3] as [Float], shape: [3], to: "network/bias")
        try writing.close()

        var bytes = try folder.bytes("a.h5")
        let pattern = values.withUnsafeBytes { [UInt8]($0) }
        let start = try #require(bytes.firstRange(of: pattern)?.lowerBound)
        bytes[start + position] ^= 0x10
        try folder.write(bytes, to: "a.h5")

        let file = try HDF5File.open(at: folder.file("a.h5"))
        let error = failure { try file.read("network/weight", as: Float.self) }
        #expect(error.reason.contains("damaged"))
        #expect(error.subject.contains("network/weight"))
        #expect(try file.read("network/bias") == [Float(1), 2, 3], "the other datasets stay readable")
    }

    @Test("on a full disk are an error, and the process ends as usual", .enabled(if: access("/dev/full", W_OK) == 0))
    func fullDisk() {
        let error = failure { () throws -> Void in
            let file = try HDF5File.create(at: "/dev/full")
            try file.write([1, 2, 3] as [Float], shape: [3], to: "a")
            try file.close()
        }
        #expect(error.reason == "no space left on device")
        #expect(error.remedy == "free some space and try again")
    }

    @Test("that are created replace what was there")
    func truncates() throws {
        let first = try HDF5File.create(at: folder.file("a.h5"))
        try first.write([1] as [Float], shape: [1], to: "old")
        try first.close()
        let second = try HDF5File.create(at: folder.file("a.h5"))
        #expect(second.exists("old") == false)
    }

    @Test("opened for update take more, opened for reading do not")
    func update() throws {
        try HDF5File.create(at: folder.file("a.h5")).close()
        let updating = try HDF5File.openForUpdate(at: folder.file("a.h5"))
        try updating.write([1] as [Float], shape: [1], to: "a")
        try updating.close()
        let reading = try HDF5File.open(at: folder.file("a.h5"))
        #expect(throws: HDF5Error.self) { try reading.write([1] as [Float], shape: [1], to: "b") }
        #expect(throws: HDF5Error.self) { try reading.setAttribute("b", to: 1) }
        #expect(try reading.datasets() == ["a"])
        #expect(failure { try HDF5File.openForUpdate(at: folder.file("b.h5")) }.reason == "no such file or directory")
    }

    @Test("that another program has locked open nevertheless")
    func locking() throws {
        try HDF5File.create(at: folder.file("a.h5")).close()
        let descriptor = Foundation.open(folder.file("a.h5"), O_RDONLY)
        defer { Foundation.close(descriptor) }
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        try HDF5File.openForUpdate(at: folder.file("a.h5")).close()
        try HDF5File.create(at: folder.file("a.h5")).close()
    }

    @Test("cannot be created in a folder that is missing")
    func missingFolder() throws {
        let error = failure { try HDF5File.create(at: folder.file("no/a.h5")) }
        #expect(error.attempted == "create")
        #expect(error.reason == "no such file or directory")
    }

    @Test("are used from several threads at once")
    func threads() async throws {
        let folder = folder
        let paths = (0..<8).map { folder.file("\($0).h5") }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for (index, path) in paths.enumerated() {
                group.addTask {
                    let values = (0..<50_000).map { Float($0 * (index + 1)) }
                    let writing = try HDF5File.create(at: path)
                    for name in 0..<10 { try writing.write(values, shape: [50_000], to: "group/\(name)") }
                    try writing.close()
                    let file = try HDF5File.open(at: path)
                    return try (0..<10).allSatisfy { try file.read("group/\($0)") == values }
                }
            }
            for try await same in group { #expect(same) }
        }
    }
}
