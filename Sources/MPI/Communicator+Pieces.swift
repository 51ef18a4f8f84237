internal import CMPI

/// Collectives on pieces whose length differs from rank to rank. They lie end to end, by rank, in one buffer on the
/// root; the root's own piece is moved like the others'. The whole may have any size.
extension Communicator {
    /// Collects the pieces of all ranks on the root.
    /// - Parameters:
    ///   - piece: this rank's; may be empty.
    ///   - counts: on the root, the number of elements of each rank. Others pass nil.
    ///   - whole: on the root, the destination; as long as the counts add up to. Others pass nil.
    /// - Throws: on all ranks, when a piece has not the length that the root expects.
    package func gatherVariable<Element: MPIScalar>(
        send piece: UnsafeBufferPointer<Element>, counts: [Int]?, into whole: UnsafeMutableBufferPointer<Element>?,
        root: Int
    ) throws(MPIError) {
        let operation = "gather pieces onto the root"
        requireLayout(counts, wholeCount: whole?.count, root: root)
        guard size > 1 else {
            if let whole, piece.count == whole.count {
                copy(UnsafeRawBufferPointer(piece), to: UnsafeMutableRawBufferPointer(whole))
                return
            }
            throw wrongLength(operation, of: 0)
        }
        let bytes = (rank == root ? whole?.count ?? 0 : piece.count) * Element.kind.byteCount
        try collective(operation, bytes: bytes, isUniform: false) { () throws(MPIError) in
            let windows = try agree(on: counts, ownCount: piece.count, operation, root: root)
            try transferGather(
                UnsafeRawBufferPointer(piece), windows, UnsafeMutableRawBufferPointer(whole ?? .empty), Element.kind,
                operation, root: root)
        }
    }

    /// Hands each rank its piece of what the root has.
    /// - Parameters:
    ///   - whole: on the root, the pieces of all ranks; as long as the counts add up to. Others pass nil.
    ///   - counts: on the root, the number of elements of each rank. Others pass nil.
    ///   - piece: this rank's destination; may be empty.
    /// - Throws: on all ranks, when a piece has not the length that the root intends.
    package func scatterVariable<Element: MPIScalar>(
        send whole: UnsafeBufferPointer<Element>?, counts: [Int]?, into piece: UnsafeMutableBufferPointer<Element>,
        root: Int
    ) throws(MPIError) {
        let operation = "scatter pieces from the root"
        requireLayout(counts, wholeCount: whole?.count, root: root)
        guard size > 1 else {
            if let whole, piece.count == whole.count {
                copy(UnsafeRawBufferPointer(whole), to: UnsafeMutableRawBufferPointer(piece))
                return
            }
            throw wrongLength(operation, of: 0)
        }
        let bytes = (rank == root ? whole?.count ?? 0 : piece.count) * Element.kind.byteCount
        try collective(operation, bytes: bytes, isUniform: false) { () throws(MPIError) in
            let windows = try agree(on: counts, ownCount: piece.count, operation, root: root)
            try transferScatter(
                whole.map { UnsafeRawBufferPointer($0) }, windows, UnsafeMutableRawBufferPointer(piece), Element.kind,
                operation, root: root)
        }
    }

    private func transferGather(
        _ piece: UnsafeRawBufferPointer, _ windows: Windows, _ whole: UnsafeMutableRawBufferPointer, _ kind: MPIKind,
        _ operation: String, root: Int
    ) throws(MPIError) {
        let layouts = Layouts(windows, isRoot: rank == root)
        try pipeline(operation, steps: windows.count) { window, slot, request in
            let part = windows.part(of: rank, in: window)
            let (lengths, displacements) = layouts.fill(slot, for: window)
            let send = piece.baseAddress?.advanced(by: part.start * kind.byteCount)
            let receive = whole.baseAddress?.advanced(by: windows.start(of: window) * kind.byteCount)
            return CMPI_Igatherv(
                send, part.length, rank == root ? receive : nil, lengths, displacements, kind.datatype, Int32(root),
                handle, &request)
        }
    }

    private func transferScatter(
        _ whole: UnsafeRawBufferPointer?, _ windows: Windows, _ piece: UnsafeMutableRawBufferPointer, _ kind: MPIKind,
        _ operation: String, root: Int
    ) throws(MPIError) {
        let layouts = Layouts(windows, isRoot: rank == root)
        try pipeline(operation, steps: windows.count) { window, slot, request in
            let part = windows.part(of: rank, in: window)
            let (lengths, displacements) = layouts.fill(slot, for: window)
            let send = whole?.baseAddress?.advanced(by: windows.start(of: window) * kind.byteCount)
            let receive = piece.baseAddress?.advanced(by: part.start * kind.byteCount)
            return CMPI_Iscatterv(
                rank == root ? send : nil, lengths, displacements, receive, part.length, kind.datatype, Int32(root),
                handle, &request)
        }
    }

    /// Tells all ranks the counts of the root, and makes sure that each rank's own is among them: otherwise every rank
    /// throws, instead of one that throws and others that wait for it.
    private func agree(
        on counts: [Int]?, ownCount: Int, _ operation: String, root: Int
    ) throws(MPIError) -> Windows {
        var agreed = counts.map { $0.map { Int64($0) } } ?? [Int64](repeating: 0, count: size)
        try agreed.withUnsafeMutableBufferPointer { agreed throws(MPIError) in
            try transferBroadcast(UnsafeMutableRawBufferPointer(agreed), .int64, operation, root: root)
        }
        var offender = agreed[rank] == Int64(ownCount) ? Int64.max : Int64(rank)
        try withUnsafeMutableBytes(of: &offender) { offender throws(MPIError) in
            try transferAllReduce(offender, .int64, .minimum, operation)
        }
        guard offender == .max else { throw wrongLength(operation, of: Int(offender)) }
        return Windows(counts: agreed.map { Int($0) }, width: maximumChunk)
    }

    private func wrongLength(_ operation: String, of rank: Int) -> MPIError {
        failure(
            operation, "the piece of rank \(rank) has not the length that the root expects",
            remedy: "give all ranks the same configuration and data")
    }

    private func requireLayout(_ counts: [Int]?, wholeCount: Int?, root: Int) {
        requireRank(root)
        guard rank == root else { return }
        precondition(counts?.count == size, "the root gives one count for each rank")
        precondition(counts?.allSatisfy { $0 >= 0 } ?? false, "counts are not negative")
        precondition(counts?.reduce(0, +) == wholeCount, "the whole is as long as the counts add up to")
    }

    private func copy(_ source: UnsafeRawBufferPointer, to destination: UnsafeMutableRawBufferPointer) {
        guard !source.isEmpty, source.baseAddress != UnsafeRawPointer(destination.baseAddress) else { return }
        destination.copyMemory(from: source)
    }
}

extension UnsafeMutableBufferPointer {
    /// A buffer without elements.
    fileprivate static var empty: Self { Self(start: nil, count: 0) }
}

/// The root's arguments of the windows that are under way; MPI reads them until a window is done.
private final class Layouts {
    private let windows: Windows
    private let memory: UnsafeMutableBufferPointer<Int32>

    /// On other ranks than the root there is nothing to keep.
    init(_ windows: Windows, isRoot: Bool) {
        self.windows = windows
        memory = .allocate(capacity: isRoot ? 2 * windows.rankCount * Communicator.pipelineDepth : 0)
        memory.initialize(repeating: 0)
    }

    deinit { memory.deallocate() }

    /// Lengths and displacements of all ranks; nil on other ranks than the root.
    func fill(_ slot: Int, for window: Int) -> (lengths: UnsafePointer<Int32>?, displacements: UnsafePointer<Int32>?) {
        guard !memory.isEmpty, let start = memory.baseAddress else { return (nil, nil) }
        let lengths = start + 2 * windows.rankCount * slot
        let displacements = lengths + windows.rankCount
        for (rank, entry) in windows.layout(of: window).enumerated() {
            lengths[rank] = entry.length
            displacements[rank] = entry.displacement
        }
        return (UnsafePointer(lengths), UnsafePointer(displacements))
    }
}
