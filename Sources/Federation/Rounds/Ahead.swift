import Dispatch
import Foundation
import Tensors

/// A value that another thread prepares while the caller does something else.
final class Ahead<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private var result: Value?

    /// Starts `work`. It must not depend on what the caller does meanwhile.
    /// - Parameters:
    ///   - queue: runs it, behind what it has to do already.
    ///   - isAlone: whether the caller waits for it, so that its loops may have the compute threads; else they are run by
    ///     its own thread.
    init(on queue: DispatchQueue = .global(), isAlone: Bool = false, _ work: @escaping @Sendable () -> Value) {
        queue.async { [self] in
            let value = isAlone ? work() : Parallel.inline(work)
            condition.withLock {
                result = value
                condition.broadcast()
            }
        }
    }

    /// Whether it is there.
    var isReady: Bool { condition.withLock { result != nil } }

    /// Waits for the value.
    /// - Parameter whileWaiting: called ten times a second meanwhile.
    func value(whileWaiting: () -> Void = {}) -> Value {
        while true {
            let found = condition.withLock {
                if result == nil { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1)) }
                return result
            }
            if let found { return found }
            whileWaiting()
        }
    }
}
