import Dispatch
import Synchronization
import Tensors

/// A value that a thread of its own prepares while the caller does something else.
final class Ahead<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let isReady = DispatchSemaphore(value: 0)

    /// Starts `work`. It must not depend on what the caller does meanwhile; its loops are run by its own thread.
    init(_ work: @escaping @Sendable () -> Value) {
        DispatchQueue.global().async {
            let value = Parallel.inline(work)
            self.result.withLock { $0 = value }
            self.isReady.signal()
        }
    }

    /// Waits for the value. To be called once.
    func value() -> Value {
        isReady.wait()
        guard let value = result.withLock({ $0 }) else { preconditionFailure("a value that is ready is there") }
        return value
    }
}
