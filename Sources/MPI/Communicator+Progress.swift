internal import CMPI

/// The frame of all collectives.
extension Communicator {
    /// Waits until all ranks have arrived, then runs `transfer`; both are timed. `bytes` are this rank's payload.
    func collective(
        _ operation: String, bytes: Int, transfer: () throws(MPIError) -> Void
    ) throws(MPIError) {
        try arrive(operation)
        let start = BackOff.seconds()
        defer { communicateSeconds += BackOff.seconds() - start }
        try transfer()
        bytesMoved += bytes
    }

    /// Waits until all ranks have arrived.
    func arrive(_ operation: String) throws(MPIError) {
        requireMainThread()
        let start = BackOff.seconds()
        defer { waitSeconds += BackOff.seconds() - start }
        try complete(operation, .arrival) { request in CMPI_Ibarrier(handle, &request) }
    }

    /// Starts a non-blocking call and polls until it is done.
    func complete(
        _ operation: String, _ purpose: BackOff.Purpose = .transfer, starting call: (inout CMPI_Request) -> Int32
    ) throws(MPIError) {
        var request = CMPI_REQUEST_NULL()
        try check(call(&request), operation)
        var backOff = BackOff(for: purpose)
        while true {
            var done: Int32 = 0
            try check(CMPI_Test(&request, &done), operation)
            if done != 0 { return }
            backOff.pause()
        }
    }

    /// Calls `body` for each piece of `count` elements: where it starts and how long it is.
    func forEachChunk(
        of count: Int, _ body: (_ start: Int, _ length: Int32) throws(MPIError) -> Void
    ) throws(MPIError) {
        var start = 0
        while start < count {
            let length = min(maximumChunk, count - start)
            try body(start, Int32(length))
            start += length
        }
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
