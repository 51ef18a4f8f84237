internal import CMPI

/// The frame of all collectives.
extension Communicator {
    /// Waits until all ranks have arrived, then runs `transfer`; both are timed.
    /// - Parameters:
    ///   - bytes: this rank's payload.
    ///   - isUniform: whether all ranks have the same payload.
    func collective(
        _ operation: String, bytes: Int, isUniform: Bool = true, transfer: () throws(MPIError) -> Void
    ) throws(MPIError) {
        try arrive(operation, bytes: isUniform ? bytes : nil)
        let start = BackOff.seconds()
        activity.stage = .transferring
        defer {
            account(operation, bytes: bytes, moved: BackOff.seconds() - start)
            activity.stage = .working
        }
        try transfer()
    }

    /// Waits until all ranks have arrived.
    /// - Parameter bytes: the payload, where all ranks have the same.
    func arrive(_ operation: String, bytes: Int? = nil) throws(MPIError) {
        requireMainThread()
        let start = BackOff.seconds()
        activity.enter(operation, bytes: bytes)
        defer {
            account(operation, calls: 1, waited: BackOff.seconds() - start)
            activity.stage = .working
        }
        if comparesCollectives {
            try compareActivities(operation)
        } else {
            try complete(operation, .arrival) { request in CMPI_Ibarrier(handle, &request) }
        }
    }

    /// Starts a non-blocking call and polls until it is done.
    func complete(
        _ operation: String, _ purpose: BackOff.Purpose = .transfer, starting call: (inout CMPI_Request) -> Int32
    ) throws(MPIError) {
        var request = CMPI_REQUEST_NULL()
        try check(call(&request), operation)
        try finish(&request, operation, purpose)
    }

    /// Non-blocking calls under way at a time: while one chunk is on its last hop to the far ranks, the next is on its
    /// first.
    static let pipelineDepth = 4

    /// Runs `steps` non-blocking calls in their order, some of them at a time.
    /// - Parameter call: starts a step. Memory of its own that the call needs until it is done it keeps by slot, from 0
    ///   to ``pipelineDepth``: a slot has one step at a time.
    func pipeline(
        _ operation: String, steps: Int, starting call: (_ step: Int, _ slot: Int, inout CMPI_Request) -> Int32
    ) throws(MPIError) {
        let depth = Self.pipelineDepth
        var requests = [CMPI_Request](repeating: CMPI_REQUEST_NULL(), count: depth)
        for step in 0..<steps {
            let slot = step % depth
            if step >= depth { try finish(&requests[slot], operation, .transfer) }
            try check(call(step, slot, &requests[slot]), operation)
        }
        for step in max(0, steps - depth)..<steps { try finish(&requests[step % depth], operation, .transfer) }
    }

    /// Number of chunks that `count` elements take.
    func chunkCount(_ count: Int) -> Int { (count + maximumChunk - 1) / maximumChunk }

    /// Where a chunk of `count` elements starts and how long it is.
    func chunk(_ index: Int, of count: Int) -> (start: Int, length: Int32) {
        let start = index * maximumChunk
        return (start, Int32(min(maximumChunk, count - start)))
    }

    /// Polls until a non-blocking call is done.
    func finish(
        _ request: inout CMPI_Request, _ operation: String, _ purpose: BackOff.Purpose
    ) throws(MPIError) {
        var backOff = BackOff(for: purpose)
        var watch = Watch()
        while try !isDone(&request, operation) { try pause(&backOff, &watch, operation) }
    }

    /// Whether a non-blocking call is done.
    func isDone(_ request: inout CMPI_Request, _ operation: String) throws(MPIError) -> Bool {
        var done: Int32 = 0
        try check(CMPI_Test(&request, &done), operation)
        return done != 0
    }

    /// Pauses between two looks, and sees to everything else now and then.
    func pause(_ backOff: inout BackOff, _ watch: inout Watch, _ operation: String) throws(MPIError) {
        backOff.pause()
        guard backOff.isTimeForOthers() else { return }
        try whileWaiting()
        try attend()
        try look(&watch, operation)
    }

    /// Runs what waits for one other rank, or for whoever comes first, in a link with the root (``RootLinks``); its time
    /// counts as waiting.
    func waitingInLink<Result>(
        _ operation: String, _ body: () throws(MPIError) -> Result
    ) throws(MPIError) -> Result {
        requireMainThread()
        let start = BackOff.seconds()
        activity.enterLink(operation)
        defer {
            account(operation, calls: 1, waited: BackOff.seconds() - start)
            activity.stage = .working
        }
        return try body()
    }

    func requireRank(_ root: Int) {
        precondition((0..<size).contains(root), "rank \(root) is not one of \(size)")
    }

    private func requireMainThread() {
        var isMain: Int32 = 0
        MPI_Is_thread_main(&isMain)
        precondition(isMain != 0, "ranks communicate on the thread that started MPI")
    }
}
