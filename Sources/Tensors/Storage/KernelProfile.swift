import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A kind of work, as a profile tells them apart.
package enum KernelKind: String, Sendable, CaseIterable {
    /// Matrix products of Winograd's frequencies.
    case products
    /// Tiles to frequencies and back.
    case tiles
    /// Weights to frequencies and back.
    case weights
    /// Convolutions by gathered neighbourhoods, their products included.
    case gathering
    /// 1 × 1 × 1 and transposed convolutions, their products included.
    case pointwise
    /// Attention without its projections.
    case attention
    /// Group normalization with the rectifier.
    case normalization
    /// Pooling, concatenation, sums.
    case elementwise
    /// Softmax and losses.
    case losses
    /// Adam and the moving average.
    case update
    /// Whatever is not part of a network's step.
    case other
}

/// Where the time of a computation goes, and into how many tasks its loops are divided.
package enum KernelProfile {
    /// What was recorded.
    package struct Record: Sendable {
        /// A loop over tasks: what it did, how many tasks it had, and how long it took.
        package struct Loop: Sendable {
            /// What the tasks did.
            package let kind: KernelKind
            /// Number of tasks.
            package let tasks: Int
            /// Wall seconds.
            package let seconds: Double
        }

        /// Every loop, in order.
        package fileprivate(set) var loops: [Loop] = []

        /// Wall seconds of all loops of a kind.
        package func seconds(_ kind: KernelKind) -> Double {
            loops.reduce(0) { $1.kind == kind ? $0 + $1.seconds : $0 }
        }

        /// The seconds that `total`, measured on one thread, would become on `threads`: a loop takes as long as the thread
        /// with most of its tasks, all else as long as before. That memory keeps up is assumed.
        package func projected(_ total: Double, threads: Int) -> Double {
            loops.reduce(total) { sum, loop in
                let most = (loop.tasks + threads - 1) / threads
                return sum - loop.seconds * (1 - Double(most) / Double(loop.tasks))
            }
        }
    }

    nonisolated(unsafe) private static var record: Record?
    /// What all threads have spent in parts of a loop's tasks.
    private static let partNanoseconds = Atomic<Int>(0)

    /// Runs `body`, which calls kernels on this thread, and tells where its time went.
    package static func recording(_ body: () throws -> Void) rethrows -> Record {
        record = Record()
        defer { record = nil }
        try body()
        return record ?? Record()
    }

    /// Runs a loop of so many tasks; while nobody records, this is one branch.
    /// - Parameter part: what its tasks' parts are recorded as, where they have such.
    @inline(__always)
    static func measure(_ kind: KernelKind, part: KernelKind?, tasks: Int, threads: Int, _ loop: () -> Void) {
        guard record != nil else { return loop() }
        let start = now()
        loop()
        let seconds = now() - start
        let spent = Double(partNanoseconds.exchange(0, ordering: .relaxed)) * 1e-9 / Double(max(1, min(threads, tasks)))
        let partSeconds = part == nil ? 0 : min(seconds, spent)
        record?.loops.append(.init(kind: kind, tasks: tasks, seconds: seconds - partSeconds))
        if let part { record?.loops.append(.init(kind: part, tasks: tasks, seconds: partSeconds)) }
    }

    /// Runs a part of a task that is work of another kind than the rest.
    @inline(__always)
    static func measurePart(_ body: () -> Void) {
        guard record != nil else { return body() }
        let start = now()
        body()
        partNanoseconds.wrappingAdd(Int((now() - start) * 1e9), ordering: .relaxed)
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
