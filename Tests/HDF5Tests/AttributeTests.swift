import HDF5
import Testing

@Suite("Attributes")
struct AttributeTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let values: [HDF5Attribute] = [
        .integer(.min), .integer(.max), .real(-0.1), .real(.infinity), .text(""), .text("straße, 心臓 ♥︎ \n end"),
        .text(String(repeating: "long ", count: 100_000)), .integers([]), .integers([1, -2, 3]), .reals([0.5]),
        .reals([]), .texts(["a", "", "ü"]), .texts([]),
    ]

    @Test("come back as they were, on the root, groups and datasets", arguments: values)
    func roundTrip(value: HDF5Attribute) throws {
        let writing = try HDF5File.create(at: folder.file("a.h5"))
        try writing.createGroup("info")
        try writing.write([1] as [Float], shape: [1], to: "network/weight")
        for path in ["/", "info", "/network/weight"] { try writing.setAttribute("x", of: path, to: value) }
        try writing.close()
        let file = try HDF5File.open(at: folder.file("a.h5"))
        for path in ["/", "info", "/network/weight"] { #expect(try file.anyAttribute("x", of: path) == value) }
    }

    @Test("are replaced when written again, also by another type")
    func replacement() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.setAttribute("round", to: 1)
        try file.setAttribute("round", to: 2)
        #expect(try file.attribute("round") == 2)
        try file.setAttribute("round", to: "three")
        #expect(try file.attribute("round") == "three")
        #expect(try file.attributeNames() == ["round"])
    }

    @Test("convert where nothing is lost and name both types where something would be")
    func conversion() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.setAttribute("integer", to: 3)
        try file.setAttribute("real", to: 3.5)
        try file.setAttribute("one", to: [7])
        #expect(try file.attribute("integer", as: Double.self) == 3)
        #expect(try file.attribute("integer", as: [Int].self) == [3])
        #expect(try file.attribute("one", as: Int.self) == 7)
        #expect(try file.attribute("one", as: [Double].self) == [7])
        let error = failure { try file.attribute("real", as: Int.self) }
        #expect(error.reason == "it is real(3.5), not an integer")
        #expect(throws: HDF5Error.self) { try file.attribute("integer", as: String.self) }
    }

    @Test("that are missing are named")
    func missing() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        #expect(failure { try file.attribute("seed", as: Int.self) }.reason == "there is no such attribute")
        #expect(failure { try file.attribute("seed", as: Int.self) }.subject.contains("attribute seed of /"))
        #expect(failure { try file.attribute("seed", of: "info", as: Int.self) }.reason.contains("no /info"))
        #expect(failure { try file.setAttribute("seed", of: "info", to: 1) }.reason.contains("no /info"))
        #expect(file.hasAttribute("seed") == false)
        #expect(file.hasAttribute("seed", of: "info") == false)
        try file.setAttribute("seed", to: 1)
        #expect(file.hasAttribute("seed") == true)
    }

    @Test("beyond 64 KiB are refused")
    func tooLarge() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        let error = failure { try file.setAttribute("x", to: [Int](repeating: 1, count: 10_000)) }
        #expect(error.reason.contains("too large"))
        #expect(error.remedy == "write it as a dataset")
    }

    @Test("with a NUL in the string or the name are refused")
    func nul() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        #expect(throws: HDF5Error.self) { try file.setAttribute("x", to: "a\0b") }
        #expect(throws: HDF5Error.self) { try file.setAttribute("x\0", to: 1) }
        #expect(throws: HDF5Error.self) { try file.setAttribute("", to: 1) }
        #expect(try file.attributeNames() == [])
    }
}
