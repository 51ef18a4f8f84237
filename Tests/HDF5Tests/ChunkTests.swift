import HDF5
import Testing

@Suite("Stored chunks")
struct ChunkTests {
    @Test(
        "are the values with the library's checksum, where the library says they are",
        arguments: [[1], [7], [2, 3, 4], [600_001], [3, 262_145], [300_000, 2], [1, 1, 2]] as [[Int]])
    func places(shape: [Int]) throws {
        let count = shape.reduce(1, *)
        let values = (0..<count).map { Float($0 % 65_521) * 0.5 - 3 }
        let folder = try TemporaryFolder()
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([Int64](0..<9), shape: [9], to: "before")
        try file.write(values, shape: shape, to: "group/values")
        let chunks = try #require(try file.storedChunks(of: "group/values"))
        try file.close()
        let bytes = try folder.bytes("a.h5")
        #expect(chunks.map(\.elements).sorted { $0.lowerBound < $1.lowerBound }.flatMap { $0 } == Array(0..<count))
        for chunk in chunks {
            let stored = Array(bytes[chunk.offset..<chunk.offset + chunk.byteCount])
            let found = stored.withUnsafeBytes { raw in
                chunk.elements.indices.map {
                    raw.loadUnaligned(fromByteOffset: 4 * ($0 - chunk.elements.lowerBound), as: Float.self)
                }
            }
            #expect(found == Array(values[chunk.elements]))
            #expect(stored.dropFirst(4 * chunk.elements.count).allSatisfy { $0 == 0 })
            let checksum = bytes[chunk.range].suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            #expect(stored.withUnsafeBytes(Fletcher32.checksum) == checksum)
        }
    }

    @Test("of scalars and of nothing there are none")
    func none() throws {
        let folder = try TemporaryFolder()
        let file = try HDF5File.create(at: folder.file("a.h5"))
        try file.write([Float(1)], shape: [], to: "scalar")
        try file.write([Float](), shape: [0], to: "empty")
        #expect(try file.storedChunks(of: "scalar") == nil)
        #expect(try file.storedChunks(of: "empty") == nil)
    }

    /// As the definition says it: two sums over 16-bit words, the carry added back.
    private static func slow(_ bytes: [UInt8]) -> UInt32 {
        var (sum, sums): (UInt64, UInt64) = (0, 0)
        for start in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt64(bytes[start]) << 8 | (start + 1 < bytes.count ? UInt64(bytes[start + 1]) : 0)
            sum = (sum & 0xFFFF) + sum >> 16
            sums += sum
            sums = (sums & 0xFFFF) + sums >> 16
        }
        return UInt32(sums) << 16 | UInt32(sum)
    }

    @Test(
        "have sums as the definition says, of any length",
        arguments: [0, 1, 2, 3, 63, 64, 65, 16_383, 16_384, 16_385, 32_768, 70_001])
    func checksum(_ count: Int) {
        var state: UInt64 = 88_172_645_463_325_252
        let random = (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state)
        }
        for bytes in [random, [UInt8](repeating: 0, count: count), [UInt8](repeating: 255, count: count)] {
            #expect(bytes.withUnsafeBytes(Fletcher32.checksum) == Self.slow(bytes))
        }
    }
}
