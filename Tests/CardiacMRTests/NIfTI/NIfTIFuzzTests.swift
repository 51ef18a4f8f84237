import CZlib
import Foundation
import Tensors
import Testing

import CardiacMR

/// Seeded mutations of valid files: reading one gives a volume or an error, in little memory, whatever it holds.
@Suite("NIfTI files, mutated")
struct NIfTIFuzzTests {
    @Test(
        "100,000 mutated headers and gzip streams: no crash, no hang, less than 512 MiB",
        arguments: [Container.plain, .gzip, .version2, .pair])
    func mutations(_ container: Container) async {
        // In a process of its own: a crash is a failed test, and the memory is this test's alone.
        await #expect(processExitsWith: .success) { [container] in
            try withTemporaryFolder { folder in
                var fuzzer = try Fuzzer(container, folder: folder)
                var read = 0
                for _ in 0..<25_000 where try fuzzer.readsMutation() { read += 1 }
                // Mutations that change nothing of importance are among them, and such that do.
                guard (1..<25_000).contains(read) else { exit(2) }
                guard try Self.peakKibibytes() < 512 << 10 else { exit(3) }
            }
        }
    }

    /// The largest resident size of this process. (`getrusage` counts what the parent had before, too.)
    private static func peakKibibytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return Int(line.filter(\.isNumber)) ?? .max
    }

    enum Container: String, Codable, Sendable {
        case plain, gzip, version2, pair
    }

    /// A valid file and a stream of random numbers.
    private struct Fuzzer {
        private let original: [UInt8]
        private let path: String
        private var random: RandomStream

        /// Where a header has lengths, types, sizes, offsets and geometry.
        private static let fields = [
            0, 4, 12, 16, 24, 40, 42, 44, 46, 48, 70, 72, 76, 80, 104, 108, 112, 116, 123, 168, 252, 254, 256, 280, 344,
        ]
        private static let words: [[UInt8]] = [
            [0, 0, 0, 0], [255, 255, 255, 255], [255, 127], [0, 128], [0, 0, 192, 127], [0, 0, 128, 127],
            [0, 0, 128, 255],
            [255, 255, 127, 127], [1, 0, 0, 0], [0, 0, 0, 1], [92, 1, 0, 0], [0, 0, 1, 92], [28, 2, 0, 0],
        ]

        init(_ container: Container, folder: String) throws {
            let grid = Grid(size: [5, 4, 3], spacing: [1, 2, 3], affine: Affine(spacing: [1, 2, 3]))
            let source = "\(folder)/source.nii"
            try NIfTI.write(Volume(grid: grid, voxels: (0..<60).map(Float.init)), to: source, as: .int16)
            let bytes = try contents(of: source)
            switch container {
            case .plain, .gzip:
                original = container == .gzip ? Self.compressed(bytes) : bytes
                path = "\(folder)/mutated.nii"
            case .version2:
                original = Self.version2(bytes)
                path = "\(folder)/mutated.nii"
            case .pair:
                var header = Array(bytes[..<348])
                header.replaceSubrange(344..<348, with: Array("ni1".utf8) + [0])
                header.replaceSubrange(108..<112, with: [0, 0, 0, 0])
                original = header
                path = "\(folder)/mutated.hdr"
                try write(Array(bytes[352...]), to: "\(folder)/mutated.img")
            }
            random = RandomStream(seed: 11, purpose: "fuzz \(container.rawValue)")
        }

        /// Whether the next mutation is still an image.
        mutating func readsMutation() throws -> Bool {
            var bytes = original
            for _ in 0...random.index(below: 4) {
                switch random.index(below: 6) {
                case 0: bytes[random.index(below: bytes.count)] ^= 1 << UInt8(random.index(below: 8))
                case 1: bytes[random.index(below: bytes.count)] = UInt8(random.index(below: 256))
                case 2: bytes.removeLast(random.index(below: bytes.count - 1))
                case 3: bytes += (0..<random.index(below: 600)).map { _ in UInt8(random.index(below: 256)) }
                default:
                    let word = Self.words[random.index(below: Self.words.count)]
                    let place = Self.fields[random.index(below: Self.fields.count)]
                    for (index, byte) in word.enumerated() where place + index < bytes.count {
                        bytes[place + index] = byte
                    }
                }
            }
            try write(bytes, to: path)
            do throws(CardiacMRError) {
                let volume = try NIfTI.read(path, frame: random.index(below: 2))
                precondition(volume.voxels.count == volume.grid.count)
                return true
            } catch {
                precondition(error.description.contains("mutated"), "an error names the file")
                return false
            }
        }

        private static func compressed(_ bytes: [UInt8]) -> [UInt8] {
            var stream = z_stream()
            deflateInit2_(
                &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            defer { deflateEnd(&stream) }
            var input = bytes
            var output = [UInt8](repeating: 0, count: bytes.count + 1024)
            let count = input.withUnsafeMutableBufferPointer { input in
                output.withUnsafeMutableBufferPointer { output in
                    stream.next_in = input.baseAddress
                    stream.avail_in = UInt32(input.count)
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(output.count)
                    deflate(&stream, Z_FINISH)
                    return Int(stream.total_out)
                }
            }
            return Array(output[..<count])
        }

        /// The same image with a header of version 2: the fields that its reader looks at.
        private static func version2(_ bytes: [UInt8]) -> [UInt8] {
            var header = [UInt8](repeating: 0, count: 544)
            func put(_ value: some FixedWidthInteger, at offset: Int) {
                withUnsafeBytes(of: value.littleEndian) { header.replaceSubrange(offset..<offset + $0.count, with: $0) }
            }
            put(Int32(540), at: 0)
            header.replaceSubrange(4..<12, with: Array("n+2".utf8) + [0, 13, 10, 26, 10])
            put(Int16(4), at: 12)
            put(Int16(16), at: 14)
            for (index, size) in [3, 5, 4, 3, 1, 1, 1, 1].enumerated() { put(Int64(size), at: 16 + 8 * index) }
            for index in 0..<8 { put(Double(1).bitPattern, at: 104 + 8 * index) }
            put(Int64(544), at: 168)
            put(Double(1).bitPattern, at: 176)
            return header + bytes[352...]
        }
    }
}
