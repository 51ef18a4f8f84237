/// What the calls of one kind have moved on a rank, and the time they took.
package struct Traffic: Codable, Sendable, Equatable {
    /// Number of calls.
    package internal(set) var calls = 0
    /// Payload that left or entered the buffers of this rank, however MPI routes it.
    package internal(set) var bytes = 0
    /// Seconds until the others had arrived.
    package internal(set) var waitSeconds = 0.0
    /// Seconds in which data moved.
    package internal(set) var transferSeconds = 0.0

    /// No calls.
    package init() {}
}

extension Communicator {
    /// Time since the last reset that this rank waited for others to arrive.
    package var waitSeconds: Double { traffic.values.reduce(0) { $0 + $1.waitSeconds } }
    /// Time since the last reset in which data moved.
    package var communicateSeconds: Double { traffic.values.reduce(0) { $0 + $1.transferSeconds } }
    /// Payload since the last reset.
    package var bytesMoved: Int { traffic.values.reduce(0) { $0 + $1.bytes } }

    /// Starts a new measurement of ``traffic``.
    package func resetAccounting() { traffic.removeAll() }

    /// Counts a call's payload and time.
    func account(_ operation: String, calls: Int = 0, bytes: Int = 0, waited: Double = 0, moved: Double = 0) {
        var entry = traffic[operation] ?? Traffic()
        entry.calls += calls
        entry.bytes += bytes
        entry.waitSeconds += waited
        entry.transferSeconds += moved
        traffic[operation] = entry
    }
}
