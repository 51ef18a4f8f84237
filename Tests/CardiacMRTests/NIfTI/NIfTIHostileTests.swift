import Foundation
import Tensors
import Testing

import CardiacMR

@Suite("NIfTI files that are damaged or hostile")
struct NIfTIHostileTests {
    /// A change of a valid file's bytes and what the error must say.
    struct Damage: CustomTestStringConvertible, Sendable {
        let name: String
        let offset: Int
        let bytes: [UInt8]
        let message: String
        var testDescription: String { name }

        init<Value: FixedWidthInteger & Sendable>(_ name: String, at offset: Int, _ value: Value, _ message: String) {
            self.name = name
            self.offset = offset
            bytes = (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            self.message = message
        }

        init(_ name: String, at offset: Int, _ value: Float, _ message: String) {
            self.init(name, at: offset, value.bitPattern, message)
        }
    }

    static let damages = [
        Damage("no header size", at: 0, Int32(0), "not a NIfTI file"),
        Damage("dim[0] = 0", at: 40, Int16(0), "0 dimensions"),
        Damage("dim[0] = 8", at: 40, Int16(8), "8 dimensions"),
        Damage("dim[0] = -1", at: 40, Int16(-1), "-1 dimensions"),
        Damage("a negative size", at: 42, Int16(-5), "dimension 1 is -5"),
        Damage("a size beyond the file", at: 46, Int16(32767), "more than a file of"),
        Damage("a size somewhat beyond the file", at: 46, Int16(4), "truncated"),
        Damage("sizes that are huge together", at: 42, UInt64(0x0001_7FFF_7FFF_7FFF), "more than a file of"),
        Damage("an unknown data type", at: 70, Int16(77), "data type 77"),
        Damage("RGB", at: 70, Int16(128), "data type 128"),
        Damage("voxels at NaN", at: 108, Float.nan, "begin at byte nan"),
        Damage("voxels at infinity", at: 108, Float.infinity, "begin at byte inf"),
        Damage("voxels in the header", at: 108, Float(100), "begin at byte 100"),
        Damage("voxels before the file", at: 108, Float(-352), "begin at byte -352"),
        Damage("voxels between bytes", at: 108, Float(352.5), "begin at byte 352.5"),
        Damage("voxels beyond the file", at: 108, Float(1e12), "more than a file of"),
        Damage("voxels beyond any file", at: 108, Float(1e30), "begin at byte"),
        Damage("voxels just beyond the file", at: 108, Float(400), "truncated"),
        Damage("no magic", at: 344, Int32(0), "magic"),
        Damage("slope without intercept", at: 116, Float.nan, "intercept"),
    ]

    private static func validFile(in folder: String) throws -> [UInt8] {
        let grid = Grid(size: [4, 3, 2], spacing: [1, 2, 3], affine: Affine(spacing: [1, 2, 3]))
        try NIfTI.write(
            Volume(grid: grid, voxels: (0..<24).map(Float.init)), to: "\(folder)/valid.nii", as: .int16)
        return try contents(of: "\(folder)/valid.nii")
    }

    @Test("a hostile header is an error that names the file and the field", arguments: damages)
    func hostileHeader(_ damage: Damage) throws {
        try withTemporaryFolder { folder in
            var bytes = try Self.validFile(in: folder)
            bytes.replaceSubrange(damage.offset..<damage.offset + damage.bytes.count, with: damage.bytes)
            let path = "\(folder)/damaged.nii"
            try write(bytes, to: path)
            expectError(path, damage.message) { _ = try NIfTI.read(path) }
        }
    }

    @Test("a header of a pair needs the .hdr name and its .img file")
    func incompletePair() throws {
        try withTemporaryFolder { folder in
            var bytes = try Self.validFile(in: folder)
            bytes.replaceSubrange(344..<348, with: Array("ni1".utf8) + [0])
            try write(bytes, to: "\(folder)/pair.nii")
            try write(bytes, to: "\(folder)/pair.hdr")
            expectError("pair.nii", "separate .img") { _ = try NIfTI.read("\(folder)/pair.nii") }
            expectError("pair.img", "No such file") { _ = try NIfTI.read("\(folder)/pair.hdr") }
        }
    }

    @Test("sizes of NIfTI-2 whose product overflows 64 bits are an error")
    func overflow() throws {
        try withTemporaryFolder { folder in
            var bytes = [UInt8](repeating: 0, count: 600)
            func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
                for index in 0..<Value.bitWidth / 8 {
                    bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
                }
            }
            put(Int32(540), at: 0)
            bytes.replaceSubrange(4..<12, with: Array("n+2\0\r\n".utf8) + [0o32, 10])
            put(Int16(4), at: 12)
            for (index, size) in [3, 1 << 40, 1 << 40, 1 << 40].enumerated() { put(Int64(size), at: 16 + 8 * index) }
            try write(bytes, to: "\(folder)/large.nii")
            expectError("large.nii", "overflow") { _ = try NIfTI.read("\(folder)/large.nii") }
        }
    }

    @Test("a file cut anywhere is an error, plain or compressed", arguments: ["nii", "nii.gz"])
    func truncated(_ suffix: String) throws {
        try withTemporaryFolder { folder in
            let grid = Grid(size: [6, 5, 4], spacing: [1, 1, 1], affine: Affine(spacing: [1, 1, 1]))
            var random = RandomStream(seed: 1, purpose: "truncated")
            let volume = Volume(grid: grid, voxels: (0..<grid.count).map { _ in Float(random.uniform()) })
            let path = "\(folder)/a.\(suffix)"
            try NIfTI.write(volume, to: path)
            let bytes = try contents(of: path)
            for length in stride(from: 0, to: bytes.count, by: 7) {
                try write(Array(bytes[..<length]), to: path)
                expectError(path) { _ = try NIfTI.read(path) }
            }
        }
    }

    @Test("compressed data with a flipped bit are an error")
    func flippedBit() throws {
        try withTemporaryFolder { folder in
            let grid = Grid(size: [6, 5, 4], spacing: [1, 1, 1], affine: Affine(spacing: [1, 1, 1]))
            let path = "\(folder)/a.nii.gz"
            try NIfTI.write(Volume(grid: grid, voxels: (0..<grid.count).map { Float($0 * $0) }), to: path)
            let bytes = try contents(of: path)
            for position in stride(from: 10, to: bytes.count - 4, by: 5) {
                var damaged = bytes
                damaged[position] ^= 0x10
                try write(damaged, to: path)
                expectError(path) { _ = try NIfTI.read(path) }
            }
        }
    }

    @Test("random bytes in the header never crash the reader, whatever they say")
    func randomHeaders() throws {
        try withTemporaryFolder { folder in
            let valid = try Self.validFile(in: folder)
            let path = "\(folder)/random.nii"
            for seed in 0..<400 {
                var random = RandomStream(seed: 3, purpose: "fuzz", seed)
                var bytes = valid
                for _ in 0...random.index(below: 12) {
                    bytes[random.index(below: 348)] = UInt8(truncatingIfNeeded: random.next())
                }
                try write(bytes, to: path)
                do {
                    let volume = try NIfTI.read(path)
                    #expect(volume.voxels.count <= 24 * 2)
                } catch let error as CardiacMRError {
                    #expect(error.subject == path)
                }
            }
        }
    }

    @Test("what is not a file is an error", arguments: [("absent.nii", "No such file"), (".", "not a file")])
    func notAFile(_ name: String, _ message: String) throws {
        try withTemporaryFolder { folder in
            expectError("\(folder)/\(name)", message) { _ = try NIfTI.read("\(folder)/\(name)") }
        }
    }

    @Test("a frame that is not there is an error that says which are")
    func missingFrame() throws {
        try withTemporaryFolder { folder in
            _ = try Self.validFile(in: folder)
            expectError("valid.nii", "no frame 2", "0 to 0") { _ = try NIfTI.read("\(folder)/valid.nii", frame: 2) }
        }
    }

    @Test(
        "values that an encoding cannot hold are an error that names the voxel", arguments: [Float.nan, 40000, -40000])
    func unencodable(_ value: Float) throws {
        try withTemporaryFolder { folder in
            let grid = Grid(size: [2, 2, 1], spacing: [1, 1, 1], affine: Affine(spacing: [1, 1, 1]))
            let volume = Volume(grid: grid, voxels: [0, 1, value, 3])
            expectError("a.nii", "(0, 1, 0)") { try NIfTI.write(volume, to: "\(folder)/a.nii", as: .int16) }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(left.isEmpty)
        }
    }

    @Test("a folder that does not exist is an error, and nothing is left behind")
    func unwritable() throws {
        let grid = Grid(size: [1, 1, 1], spacing: [1, 1, 1], affine: Affine(spacing: [1, 1, 1]))
        let path = FileManager.default.temporaryDirectory.path + "/no-\(UUID().uuidString)/a.nii.gz"
        expectError(path, "No such file") {
            try NIfTI.write(Volume(grid: grid, voxels: [0]), to: path)
        }
    }
}
