internal import CMPI

/// The communicator of the root and another rank, and the memory of what is on its way between them; see ``RootLinks``.
///
/// MPI uses the memory until a call is done.
final class Link {
    /// The rank that is linked with the root.
    let rank: Int
    /// Whether both are on one node, and ``memory`` is the same for both.
    let isShared: Bool
    /// Of a question's content and of its answer.
    private(set) var memory: UnsafeMutablePointer<Float>
    /// Numbers that it has room for.
    private(set) var capacity = 0
    /// A head.
    let head = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 2 + RootLinks.headCount)
    /// What says only that the answer is there.
    private let word = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
    /// On the root: of the next head, whether it is under way, and whether the rank has no more questions.
    var request = CMPI_REQUEST_NULL()
    var isPosted = false
    var hasEnded = false

    private let ranks: Communicator
    private let handle: CMPI_Comm
    private var window = CMPI_WIN_NULL()
    /// Numbers of the root's and the other rank's elements, of heads and of everything else; and where these begin.
    private let headCounts, counts, displacements: UnsafeMutablePointer<Int32>

    /// Links the root with a rank. Called by both.
    init(_ ranks: Communicator, with rank: Int, sharesMemory: Bool) throws(MPIError) {
        let operation = "link a rank with the root"
        self.ranks = ranks
        self.rank = rank
        var handle = ranks.handle
        try ranks.check(CMPI_Comm_create_pair(ranks.handle, 0, Int32(rank), &handle), operation)
        try ranks.check(CMPI_Comm_set_errors_return(handle), operation)
        self.handle = handle
        var shares: Int32 = 0
        try ranks.check(CMPI_Comm_shares_memory(handle, &shares), operation)
        isShared = sharesMemory && shares != 0
        memory = .allocate(capacity: 1)
        head.initialize(repeating: 0)
        word.initialize(to: 0)
        let arguments = UnsafeMutablePointer<Int32>.allocate(capacity: 6)
        arguments.initialize(repeating: 0, count: 6)
        (headCounts, counts, displacements) = (arguments, arguments + 2, arguments + 4)
    }

    deinit {
        if !hasWindow { memory.deallocate() }
        head.deallocate()
        word.deallocate()
        headCounts.deallocate()
    }

    /// Ends the link. Called by both.
    func free() {
        if hasWindow { _ = CMPI_Win_free(&window) }
        var handle = handle
        _ = CMPI_Comm_free(&handle)
    }

    // MARK: Memory

    private var hasWindow: Bool { isShared && capacity > 0 }

    /// Makes room for so many numbers in memory of this rank alone; shared memory has it already.
    func reserve(_ count: Int, _ operation: String) throws(MPIError) {
        guard count > capacity else { return }
        guard !isShared else {
            throw ranks.failure(
                operation, "an answer of \(count) numbers is longer than its question said",
                remedy: "this is a defect of the program, or the ranks run different versions of it")
        }
        memory.deallocate()
        memory = .allocate(capacity: count)
        capacity = count
    }

    /// Makes room for so many numbers in shared memory. Called by both.
    func grow(to count: Int, _ operation: String) throws(MPIError) {
        if hasWindow { try ranks.check(CMPI_Win_free(&window), operation) } else { memory.deallocate() }
        var start: UnsafeMutableRawPointer?
        let bytes = Int64(count * MemoryLayout<Float>.stride)
        let status = CMPI_Win_allocate_shared(handle, ranks.rank == 0 ? 0 : 1, bytes, &start, &window)
        guard status == CMPI_SUCCESS(), let start else {
            throw ranks.failure(
                operation, "there are no \(bytes) bytes of memory that ranks 0 and \(rank) share",
                remedy: "make room in /dev/shm on \(ranks.nodeName), or place the module at the clients")
        }
        memory = start.bindMemory(to: Float.self, capacity: count)
        capacity = count
    }

    /// Makes what was written in shared memory before visible to what is read after.
    func synchronize(_ operation: String) throws(MPIError) {
        if hasWindow { try ranks.check(CMPI_Win_sync(window), operation) }
    }

    // MARK: The root's calls

    /// Is ready for the rank's next head.
    func postHead(_ operation: String) throws(MPIError) {
        headCounts[1] = Int32(head.count)
        isPosted = true
        try ranks.check(
            CMPI_Igatherv(
                nil, 0, head.baseAddress, headCounts, displacements, CMPI_INT64_T(), 0, handle, &request), operation)
    }

    /// Receives a question's content, which shared memory has already.
    func receiveContent(_ count: Int, _ operation: String) throws(MPIError) {
        guard !isShared else { return try synchronize(operation) }
        try reserve(count, operation)
        counts[1] = try length(count, operation)
        try ranks.complete(operation) { request in
            CMPI_Igatherv(nil, 0, memory, counts, displacements, CMPI_FLOAT(), 0, handle, &request)
        }
    }

    /// Sends an answer, or says that shared memory has it.
    func sendAnswer(_ count: Int, _ operation: String) throws(MPIError) {
        guard isShared else { return try scatter(memory, count, .float, operation) }
        try synchronize(operation)
        try sayWord(operation)
    }

    /// Says that what the rank waits for is there.
    func sayWord(_ operation: String) throws(MPIError) { try scatter(word, 1, .int64, operation) }

    private func scatter(
        _ memory: UnsafeRawPointer, _ count: Int, _ kind: MPIKind, _ operation: String
    ) throws(MPIError) {
        counts[1] = try length(count, operation)
        // While the root computes for another rank nothing would move.
        try ranks.complete(operation) { request in
            CMPI_Iscatterv(memory, counts, displacements, nil, 0, kind.datatype, 0, handle, &request)
        }
    }

    // MARK: The other rank's calls

    /// Sends a head.
    func sendHead(_ operation: String) throws(MPIError) {
        try contribute(head.baseAddress, head.count, .int64, operation)
    }

    /// Sends a question's content, which shared memory has already.
    func sendContent(_ count: Int, _ operation: String) throws(MPIError) {
        if !isShared { try contribute(memory, count, .float, operation) }
    }

    /// Waits for an answer.
    func receiveAnswer(_ answer: UnsafeMutableBufferPointer<Float>, _ operation: String) throws(MPIError) {
        guard isShared else { return try receive(answer.baseAddress, answer.count, .float, operation) }
        try hearWord(operation)
        try synchronize(operation)
        answer.baseAddress?.update(from: memory, count: answer.count)
    }

    /// Waits until the root says that what this rank waits for is there.
    func hearWord(_ operation: String) throws(MPIError) { try receive(word, 1, .int64, operation) }

    private func contribute(
        _ memory: UnsafeRawPointer?, _ count: Int, _ kind: MPIKind, _ operation: String
    ) throws(MPIError) {
        let length = try length(count, operation)
        try ranks.complete(operation, .link) { request in
            CMPI_Igatherv(memory, length, nil, nil, nil, kind.datatype, 0, handle, &request)
        }
    }

    private func receive(
        _ memory: UnsafeMutableRawPointer?, _ count: Int, _ kind: MPIKind, _ operation: String
    ) throws(MPIError) {
        let length = try length(count, operation)
        try ranks.complete(operation, .link) { request in
            CMPI_Iscatterv(nil, nil, nil, memory, length, kind.datatype, 0, handle, &request)
        }
    }

    private func length(_ count: Int, _ operation: String) throws(MPIError) -> Int32 {
        guard let length = Int32(exactly: count) else {
            throw ranks.failure(
                operation, "\(count) numbers are more than one call of MPI moves",
                remedy: "train on smaller volumes, or place the module at the clients")
        }
        return length
    }
}
