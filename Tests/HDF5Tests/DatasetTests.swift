import HDF5
import Testing

@Suite("Datasets")
struct DatasetTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(
        "come back with the same values and shape",
        arguments: [
            [], [1], [7], [0], [3, 0, 2], [2, 3, 4], [5, 1, 3, 3, 3], [600_001], [3, 262_145], [300_000, 2],
            [1, 1, 1, 1, 1, 1, 1, 1, 2],
        ] as [[Int]])
    func roundTrip(shape: [Int]) throws {
        let count = shape.reduce(1, *)
        let values = (0..<count).map { Float($0) * 0.5 - 3 }
        let writing = try HDF5File.create(at: folder.file("a.h5"))
        try writing.write(values, shape: shape, to: "network/global_encoder/level1/conv1/weight")
        try writing.close()

        let file = try HDF5File.open(at: folder.file("a.h5"))
        #expect(try file.shape(of: "/network/global_encoder/level1/conv1/weight") == shape)
        #expect(try file.read("network/global_encoder/level1/conv1/weight", as: Float.self) == values)
        var destination = [Float](repeating: .nan, count: count)
        try destination.withUnsafeMutableBufferPointer {
            try file.read(into: $0, shape: shape, from: "network/global_encoder/level1/conv1/weight")
        }
        #expect(destination == values)
    }

    @Test("of each element type keep extreme values")
    func elementTypes() throws {
        let floats: [Float] = [-0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
        let doubles: [Double] = [.pi, .infinity, .leastNonzeroMagnitude, -.greatestFiniteMagnitude]
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write(floats, shape: [5], to: "float")
        try file.write(doubles, shape: [2, 2], to: "double")
        try file.write([Int64.min, -1, Int64.max], shape: [3], to: "int64")
        try file.write([UInt8](0...255), shape: [16, 16], to: "uint8")
        #expect(try file.read("float", as: Float.self).map(\.bitPattern) == floats.map(\.bitPattern))
        #expect(try file.read("double") == doubles)
        #expect(try file.read("int64") == [Int64.min, -1, Int64.max])
        #expect(try file.read("uint8") == [UInt8](0...255))
        #expect(
            try ["float", "double", "int64", "uint8"].map { try file.elementType(of: $0) }
                == ["float32", "float64", "int64", "uint8"])
    }

    @Test("keep the payload of a NaN")
    func notANumber() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        let value = Float(bitPattern: 0x7FC0_1234)
        try file.write([value], shape: [1], to: "a")
        #expect(try file.read("a", as: Float.self).map(\.bitPattern) == [value.bitPattern])
    }

    @Test("are converted to the type that is asked for")
    func conversion() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([0.1, -2.5] as [Double], shape: [2], to: "double")
        try file.write([1, -300] as [Int64], shape: [2], to: "int64")
        #expect(try file.read("double") == [Float(0.1), -2.5])
        #expect(try file.read("int64") == [Float(1), -300])
        #expect(try file.read("int64") == [Double(1), -300])
    }

    @Test("are not read as integers that do not hold the values")
    func inexactConversion() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([0, 1.5] as [Double], shape: [2], to: "fraction")
        try file.write([4, .nan] as [Float], shape: [2], to: "nan")
        try file.write([0, 256] as [Int64], shape: [2], to: "large")
        try file.write([3, 200] as [Double], shape: [2], to: "whole")
        #expect(failure { try file.read("fraction", as: Int64.self) }.reason.contains("does not fit into int64"))
        #expect(failure { try file.read("nan", as: Int64.self) }.reason.contains("does not fit into int64"))
        #expect(failure { try file.read("large", as: UInt8.self) }.reason.contains("does not fit into uint8"))
        #expect(try file.read("whole") == [UInt8(3), 200])
        #expect(try file.read("whole") == [Int64(3), 200])
    }

    @Test(
        "of a billion elements' shape have chunks of at most 1 MiB that waste little",
        arguments: [
            [1_000_000_000], [262_145], [512, 512, 512, 8], [3, 262_145], [1, 1, 1_000_003], [7], [1_000_003, 3],
            [33, 32, 3, 3, 3], [2, 131_073],
        ])
    func chunks(shape: [Int]) throws {
        let chunk = try #require(ChunkShape.of(shape, elementBytes: 4))
        #expect(chunk.count == shape.count)
        #expect(zip(chunk, shape).allSatisfy { 1 <= $0 && $0 <= $1 })
        #expect(chunk.reduce(4, *) <= 1 << 20)
        let stored = zip(chunk, shape).reduce(1.0) { $0 * Double(($1.1 + $1.0 - 1) / $1.0 * $1.0) }
        #expect(stored <= 1.1 * shape.reduce(1.0) { $0 * Double($1) } + 4)
        let chunks = zip(chunk, shape).reduce(1) { $0 * (($1.1 + $1.0 - 1) / $1.0) }
        #expect(chunks <= 4 + shape.reduce(1, *) / 100_000, "no more pieces than needed")
    }

    @Test("written twice give the same bytes")
    func deterministicBytes() throws {
        for name in ["a.h5", "b.h5"] {
            let file = try HDF5File.create(at: folder.file(name))
            try file.write((0..<1000).map { Float($0) }, shape: [10, 100], to: "x/y")
            try file.setAttribute("round", of: "/x", to: 3)
            try file.setAttribute("version", to: "1.0")
            try file.close()
        }
        #expect(try folder.bytes("a.h5") == folder.bytes("b.h5"))
    }

    @Test("of another shape are refused with both shapes")
    func wrongShape() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3], to: "network/weight")
        var destination = [Float](repeating: 0, count: 6)
        let error = failure {
            try destination.withUnsafeMutableBufferPointer {
                try file.read(into: $0, shape: [3, 2], from: "network/weight")
            }
        }
        #expect(error.attempted == "read")
        #expect(error.subject == "dataset network/weight in \(folder.file("a.h5"))")
        #expect(error.reason == "its shape is [2, 3], not [3, 2]")
    }

    @Test("that are missing are named by the first step that is missing")
    func missing() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([1] as [Float], shape: [1], to: "network/encoder/weight")
        #expect(failure { try file.read("network/decoder/weight", as: Float.self) }.reason.contains("/network/decoder"))
        #expect(failure { try file.read("network/encoder/bias", as: Float.self) }.reason.contains("encoder/bias"))
        #expect(
            failure { try file.read("network/encoder/weight/x", as: Float.self) }.reason.contains("is not a group"))
        #expect(failure { try file.read("network/encoder", as: Float.self) }.reason.contains("is a group"))
        #expect(failure { try file.read("/", as: Float.self) }.reason.contains("is a group"))
    }

    @Test("do not replace what is there")
    func taken() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([1] as [Float], shape: [1], to: "a/b")
        #expect(failure { try file.write([2] as [Float], shape: [1], to: "a/b") }.reason == "the name is taken")
        #expect(try file.read("a/b") == [Float(1)])
        #expect(throws: HDF5Error.self) { try file.write([2] as [Float], shape: [1], to: "a/b/c") }
    }

    @Test("need a shape that fits the values", arguments: [[2], [1, 4], [-1, -3], [Int.max, 3]])
    func misfit(shape: [Int]) throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        #expect(throws: HDF5Error.self) { try file.write([1, 2, 3] as [Float], shape: shape, to: "a") }
        #expect(file.exists("a") == false)
    }

    @Test("of too many axes are refused")
    func tooManyAxes() throws {
        let file = try HDF5File.create(at: folder.file("a.h5"))
        let shape = [Int](repeating: 1, count: 33)
        #expect(failure { try file.write([1] as [Float], shape: shape, to: "a") }.reason.contains("33 axes"))
    }
}
