import Dispatch
import Foundation

/// Work on files beside the threads that compute: one thread writes, one file after the other, and another reads.
///
/// What is written was staged in memory before. So that this memory is bounded, whoever stages more than the limit waits
/// until some of it is written. After the first failure nothing more is written; it is kept for whoever asks.
package final class DiskQueue: @unchecked Sendable {
    private let queue = DispatchQueue(label: "fedcrld.disk", qos: .utility)
    private let readers = DispatchQueue(label: "fedcrld.disk.reading", qos: .utility)
    private let condition = NSCondition()
    private let limit: Int
    private var staged = 0
    private var pending = 0
    private var firstFailure: FederationError?

    /// - Parameter limit: bytes in memory that may wait to be written. A single file may have more.
    package init(limit: Int) { self.limit = limit }

    /// What went wrong first; nil where all went well.
    package var failure: FederationError? { condition.withLock { firstFailure } }

    /// Bytes that wait to be written.
    package var stagedBytes: Int { condition.withLock { staged } }

    /// Something that is being read or written.
    typealias Pending<Value> = Ahead<Result<Value, any Error>>

    /// Called now and then while a caller waits for room or for the queue's end: a slow disk is no reason for silence.
    package var whileWaiting: () -> Void = {}

    /// Queues work that writes.
    /// - Parameter bytes: what it holds in memory until it is done. Waits for room.
    package func submit(staging bytes: Int = 0, _ work: @escaping @Sendable () throws -> Void) {
        _ = write(staging: bytes, work)
    }

    /// Queues work that writes and has a result. A failure is the queue's, too.
    func write<Value>(staging bytes: Int = 0, _ work: @escaping @Sendable () throws -> Value) -> Pending<Value> {
        wait { staged == 0 || bytes == 0 || staged + bytes <= limit }
        condition.withLock {
            staged += bytes
            pending += 1
        }
        return Ahead(on: queue) { [self] in
            let result = Result<Value, any Error> {
                if let failure { throw failure }
                return try work()
            }
            var error: FederationError?
            if case .failure(let failure) = result { error = FederationError(describing: failure) }
            finish(bytes, error)
            return result
        }
    }

    /// Queues work that reads. Its result, or its error, is the caller's.
    /// - Parameter isBehind: whether it follows all that is to be written, since that is what it reads.
    func read<Value>(isBehind: Bool, _ work: @escaping @Sendable () throws -> Value) -> Pending<Value> {
        condition.withLock { pending += 1 }
        return Ahead(on: isBehind ? queue : readers) { [self] in
            defer { finish(0, nil) }
            return Result { try work() }
        }
    }

    /// Waits until nothing is to be done any more.
    package func drain() { wait { pending == 0 } }

    /// Waits, on the thread that submits, until `isDone`.
    private func wait(until isDone: () -> Bool) {
        while true {
            let done = condition.withLock {
                if isDone() { return true }
                _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
                return isDone()
            }
            if done { return }
            whileWaiting()
        }
    }

    private func finish(_ bytes: Int, _ error: FederationError?) {
        condition.withLock {
            staged -= bytes
            pending -= 1
            firstFailure = firstFailure ?? error
            condition.broadcast()
        }
    }
}
