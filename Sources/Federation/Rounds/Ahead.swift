import Dispatch
import Foundation
import Tensors

/// A value that another thread prepares while the caller does something else.
final class Ahead<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private var result: Value?

    /// Starts `work`. It must not depend on what the caller does meanwhile; its loops are run by its own thread.
    /// - Parameter queue: runs it, behind what it has to do already.
    init(on queue: DispatchQueue = .global(), _ work: @escaping @Sendable () -> Value) {
        queue.async { [self] in
            let value = Parallel.inline(work)
            condition.withLock {
                result = value
                condition.broadcast()
            }
        }
    }

    /// Whether it is there.
    var isReady: Bool { condition.withLock { result != nil } }

    /// Waits for the value.
    func value() -> Value {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result { return result }
            condition.wait()
        }
    }
}
