import FederatedLearning
import Files
import Foundation
import HDF5
import Synchronization

/// The bytes of a center's file without its values: HDF5 lays out all files of a kind alike.
///
/// Laying out or looking up some six hundred datasets takes the library longer than a small network takes for a round. It lays
/// out the first file of a kind, with marks that can be found; all others are these bytes with other marks and values, and are
/// byte for byte what the library would write. A file that has these bytes is read without the library, too; every other file, an
/// older one or a damaged one, is the library's.
package final class StateImage: Sendable {
    /// A stretch of the file.
    private enum Piece {
        /// The same in all files, from a place in ``constant``, but for marks.
        case structure(start: Int, marks: [(offset: Int, field: Int)])
        case chunk(HDF5File.StoredChunk, dataset: Int)
    }
    /// All stretches, from front to back.
    private let pieces: [(range: Range<Int>, piece: Piece)]
    /// The chunks of each dataset.
    private let chunks: [[HDF5File.StoredChunk]]
    private let constant: [UInt8]
    /// Bytes of a file.
    package let size: Int

    /// Learns from a file.
    /// - Parameters:
    ///   - datasets: of the state at hand.
    ///   - marks: its file's.
    ///   - layOut: makes the file, in memory, with the marks that it is given.
    /// - Returns: nil where such a file is not made of known bytes, values and marks alone.
    package init?(
        _ datasets: [StateDataset], _ marks: FileMarks, layOut: (FileMarks) throws -> HDF5File
    ) throws {
        // A shorter name might be anywhere.
        guard marks.center.utf8.count >= 4, datasets.reduce(0, { $0 + $1.byteCount }) <= Self.most else { return nil }
        guard let learnt = try Self.pieces(of: try layOut(marks.findable), datasets, marks.findable.fields) else {
            return nil
        }
        (pieces, chunks, constant, size) = learnt
        // What it makes has to be what the library makes.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        defer { bytes.deallocate() }
        fill(bytes, datasets, marks)
        let isSame = try layOut(marks).withImage { image in
            image.isSame(as: UnsafeRawBufferPointer(bytes))
        }
        guard isSame else { return nil }
    }

    /// Values of so many bytes at most: to learn takes two files' memory, and of larger states nobody waits for the library.
    private static let most = 48 << 20

    /// What a file is made of.
    /// - Parameter fields: its marks.
    private static func pieces(
        of file: borrowing HDF5File, _ datasets: [StateDataset], _ fields: [[UInt8]]
    ) throws -> (
        pieces: [(range: Range<Int>, piece: Piece)], chunks: [[HDF5File.StoredChunk]], constant: [UInt8], size: Int
    )? {
        var chunks: [[HDF5File.StoredChunk]] = []
        for dataset in datasets {
            guard let stored = try file.storedChunks(of: dataset.path) else { return nil }
            chunks.append(stored)
        }
        var (pieces, constant) = ([(range: Range<Int>, piece: Piece)](), [UInt8]())
        let size = try file.withImage { image in
            var position = 0
            func appendStructure(upTo end: Int) {
                guard position < end else { return }
                let bytes = UnsafeRawBufferPointer(rebasing: image[position..<end])
                let found = fields.enumerated().flatMap { field, pattern in
                    places(of: pattern, in: bytes).map { (offset: $0, field: field) }
                }
                pieces.append((position..<end, .structure(start: constant.count, marks: found)))
                constant += bytes
            }
            let all = chunks.enumerated().flatMap { dataset, chunks in chunks.map { ($0, dataset) } }
            for (chunk, dataset) in all.sorted(by: { $0.0.offset < $1.0.offset }) {
                appendStructure(upTo: chunk.range.lowerBound)
                pieces.append((chunk.range, .chunk(chunk, dataset: dataset)))
                position = chunk.range.upperBound
            }
            appendStructure(upTo: image.count)
            return image.count
        }
        return (pieces, chunks, constant, size)
    }

    private static func places(of pattern: [UInt8], in bytes: UnsafeRawBufferPointer) -> [Int] {
        guard let first = pattern.first else { return [] }
        var (places, position) = ([Int](), 0)
        while position + pattern.count <= bytes.count {
            if bytes[position] == first, bytes[position..<position + pattern.count].elementsEqual(pattern) {
                places.append(position)
                position += pattern.count
            } else {
                position += 1
            }
        }
        return places
    }

    /// Makes a file.
    /// - Parameter file: ``size`` bytes.
    package func fill(_ file: UnsafeMutableRawBufferPointer, _ datasets: [StateDataset], _ marks: FileMarks) {
        let fields = marks.fields
        constant.withUnsafeBytes { constant in
            for case (let range, .structure(let start, let marks)) in pieces {
                let part = UnsafeMutableRawBufferPointer(rebasing: file[range])
                part.copyMemory(from: UnsafeRawBufferPointer(rebasing: constant[start..<start + range.count]))
                for mark in marks {
                    UnsafeMutableRawBufferPointer(rebasing: part[mark.offset...]).copyBytes(from: fields[mark.field])
                }
            }
        }
        for (dataset, chunks) in zip(datasets, chunks) {
            if let chunk = chunks.first, chunks.count == 1, file[chunk.range].isAligned(to: 8) {
                dataset.copy(to: UnsafeMutableRawBufferPointer(rebasing: file[chunk.range]))
            } else {
                withUnsafeTemporaryAllocation(byteCount: dataset.byteCount, alignment: 16) { values in
                    dataset.copy(to: values)
                    for chunk in chunks {
                        UnsafeMutableRawBufferPointer(rebasing: file[chunk.range])
                            .copyMemory(from: UnsafeRawBufferPointer(rebasing: values[dataset.bytes(chunk.elements)]))
                    }
                }
            }
            for chunk in chunks {
                let stored = UnsafeMutableRawBufferPointer(rebasing: file[chunk.range])
                for index in dataset.bytes(chunk.elements).count..<chunk.byteCount { stored[index] = 0 }
                let checksum = Fletcher32.checksum(UnsafeRawBufferPointer(rebasing: stored.prefix(chunk.byteCount)))
                stored.storeBytes(of: checksum.littleEndian, toByteOffset: chunk.byteCount, as: UInt32.self)
            }
        }
    }

    /// Reads a file of this structure.
    /// - Parameters:
    ///   - datasets: where its values go. They are undefined where it is not of this structure.
    ///   - marks: of the same lengths as its own.
    /// - Returns: its marks; nil where it has other bytes than such files have, or cannot be read.
    package func read(_ path: String, into datasets: [StateDataset], like marks: FileMarks) -> FileMarks? {
        guard let file = FileWindow(path), file.size == size else { return nil }
        var fields = [[UInt8]?](repeating: nil, count: marks.fields.count)
        var missing = chunks.map(\.count)
        var values: [Int: [UInt8]] = [:]
        for (range, piece) in pieces {
            guard let bytes = file.bytes(range) else { return nil }
            switch piece {
            case .structure(let start, let places):
                guard isStructure(bytes, start, places, &fields, marks) else { return nil }
            case .chunk(let chunk, let dataset):
                let stored = UnsafeRawBufferPointer(rebasing: bytes.prefix(chunk.byteCount))
                let checksum = UInt32(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: chunk.byteCount, as: UInt32.self))
                guard Fletcher32.checksum(stored) == checksum else { return nil }
                let own = datasets[dataset].bytes(chunk.elements)
                missing[dataset] -= 1
                if missing[dataset] == 0, own.count == datasets[dataset].byteCount, stored.isAligned(to: 8) {
                    datasets[dataset].take(UnsafeRawBufferPointer(rebasing: stored.prefix(own.count)))
                    continue
                }
                values[dataset, default: [UInt8](repeating: 0, count: datasets[dataset].byteCount)]
                    .replaceSubrange(own, with: stored.prefix(own.count))
                guard missing[dataset] == 0 else { continue }
                values.removeValue(forKey: dataset)?.withUnsafeBytes(datasets[dataset].take)
            }
        }
        var found = marks
        for case (let field, let bytes?) in fields.enumerated() where !found.take(field, bytes) { return nil }
        return found
    }

    /// Whether bytes are those of all files but for marks, which are taken out; one that is there more than once has to be the
    /// same everywhere.
    private func isStructure(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ places: [(offset: Int, field: Int)],
        _ fields: inout [[UInt8]?], _ marks: FileMarks
    ) -> Bool {
        let lengths = marks.fields.map(\.count)
        var position = 0
        func isConstant(upTo end: Int) -> Bool {
            constant.withUnsafeBytes { constant in
                let expected = UnsafeRawBufferPointer(rebasing: constant[start + position..<start + end])
                return expected.isSame(as: UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            }
        }
        for place in places.sorted(by: { $0.offset < $1.offset }) {
            guard isConstant(upTo: place.offset) else { return false }
            let end = place.offset + lengths[place.field]
            let mark = Array(bytes[place.offset..<end])
            guard fields[place.field].map({ $0 == mark }) ?? true else { return false }
            fields[place.field] = mark
            position = end
        }
        return isConstant(upTo: bytes.count)
    }
}

/// The images of a run's files, each learnt when the first file of its kind is written.
final class StateImages: Sendable {
    /// Whose files are laid out alike.
    struct Key: Hashable {
        private let kind: CenterFiles.Kind
        private let heads: [Int]
        /// The variables, with their sizes.
        private let variables: [String: Int]
        private let lengths: FileMarks.Lengths

        /// The key of a state's file.
        init(_ kind: CenterFiles.Kind, _ state: CenterState, _ lengths: FileMarks.Lengths) {
            self.kind = kind
            heads = state.heads
            variables = Dictionary(
                state.variables.map { ("\($0.part.name) \($0.name)", $0.layout.count) }, uniquingKeysWith: +)
            self.lengths = lengths
        }
    }
    private let known = Mutex<[Key: StateImage?]>([:])

    /// Kinds that are known at a time: their structures are in memory.
    private static let most = 16

    /// The image of a kind of files; nil where it is not learnt, or there is none.
    func image(_ key: Key) -> StateImage? { known.withLock { $0[key] ?? nil } }

    /// The image of a kind of files; nil where there is none, and the library has to do it.
    func image(_ key: Key, learn: () throws -> StateImage?) throws -> StateImage? {
        try known.withLock { known in
            if let found = known[key] { return found }
            if known.count >= Self.most { known.removeAll() }
            let image = try learn()
            known[key] = .some(image)
            return image
        }
    }
}

extension Slice<UnsafeMutableRawBufferPointer> {
    fileprivate func isAligned(to alignment: Int) -> Bool {
        UnsafeRawBufferPointer(rebasing: self).isAligned(to: alignment)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isSame(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count, let start = baseAddress, let otherStart = other.baseAddress else {
            return count == other.count
        }
        return memcmp(start, otherStart, count) == 0
    }

    fileprivate func isAligned(to alignment: Int) -> Bool { UInt(bitPattern: baseAddress) % UInt(alignment) == 0 }
}
