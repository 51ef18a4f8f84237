import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The compute threads of this process: the calling thread and `count - 1` workers.
///
/// Work is split into tasks by the *problem*, never by the number of threads, and each task writes its own place; so
/// results have the same bits for any number of threads. Idle workers spin for some microseconds, since kernels follow
/// each other closely, and then sleep.
package final class Parallel: @unchecked Sendable {
    /// The threads that kernels of this process use. Set it once at start, by ``configure(threads:)``.
    package private(set) nonisolated(unsafe) static var shared = Parallel(threads: 1)

    /// Chooses how many threads kernels use. Call it before any kernel, from the main thread.
    /// - Parameter threads: at least 1.
    package static func configure(threads: Int) {
        guard threads != shared.threads else { return }
        shared.stop()
        shared = Parallel(threads: threads)
    }

    @TaskLocal private static var isInline = false

    /// Runs `body` so that its loops are done by the calling thread alone: for work beside that of the compute threads,
    /// which belong to the thread that runs the network.
    package static func inline<Result>(_ body: () throws -> Result) rethrows -> Result {
        try $isInline.withValue(true, operation: body)
    }

    /// Number of threads that work in a loop, the caller included.
    package let threads: Int

    private let next = Atomic<Int>(0)
    private let generation = Atomic<Int>(0)
    private let unfinished = Atomic<Int>(0)
    private var count = 0
    private var body: (Int) -> Void = { _ in }
    private var stopping = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var workers: [pthread_t] = []

    private init(threads: Int) {
        require(threads >= 1, "at least one thread")
        self.threads = threads
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        for _ in 1..<threads {
            var worker = pthread_t()
            let pool = Unmanaged.passUnretained(self).toOpaque()
            let status = pthread_create(
                &worker, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Parallel>.fromOpaque(argument).takeUnretainedValue().serve()
                    return nil
                }, pool)
            require(status == 0, "cannot start compute thread: \(String(cString: strerror(status)))")
            workers.append(worker)
        }
    }

    deinit {
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        wake.deallocate()
        mutex.deallocate()
    }

    /// Runs `body(0) … body(count - 1)`, in any order and on any thread, and returns when all are done.
    ///
    /// Not reentrant: a loop within a task must be done by its thread `alone`.
    /// - Parameters:
    ///   - kind: what a profile counts the loop's time for.
    ///   - part: what it counts the time for that tasks spend in ``KernelProfile/measurePart(_:)``.
    ///   - alone: whether the calling thread does all.
    @inline(__always)
    package func loop(
        _ count: Int, _ kind: KernelKind = .other, part: KernelKind? = nil, alone: Bool = false,
        _ body: (Int) -> Void
    ) {
        guard !alone, !Self.isInline else {
            for index in 0..<count { body(index) }
            return
        }
        KernelProfile.measure(kind, part: part, tasks: count, threads: threads) { run(count, body) }
    }

    private func run(_ count: Int, _ body: (Int) -> Void) {
        guard threads > 1, count > 1 else {
            for index in 0..<count { body(index) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.count = count
            self.body = body
            next.store(0, ordering: .relaxed)
            unfinished.store(workers.count, ordering: .relaxed)
            pthread_mutex_lock(mutex)
            generation.wrappingAdd(1, ordering: .releasing)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
            drain()
            var spins = 0
            while unfinished.load(ordering: .acquiring) > 0 {
                spins &+= 1
                if spins > 2000 { sched_yield() }
            }
            self.body = { _ in }
        }
    }

    private func drain() {
        let count = self.count
        let body = self.body
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            body(index)
        }
    }

    private func serve() {
        var seen = 0
        while true {
            var spins = 0
            while generation.load(ordering: .acquiring) == seen, spins < 4000 { spins &+= 1 }
            if generation.load(ordering: .acquiring) == seen {
                pthread_mutex_lock(mutex)
                while generation.load(ordering: .acquiring) == seen { pthread_cond_wait(wake, mutex) }
                pthread_mutex_unlock(mutex)
            }
            seen = generation.load(ordering: .acquiring)
            if stopping { return }
            drain()
            unfinished.wrappingSubtract(1, ordering: .releasing)
        }
    }

    private func stop() {
        pthread_mutex_lock(mutex)
        stopping = true
        generation.wrappingAdd(1, ordering: .releasing)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
        for worker in workers { pthread_join(worker, nil) }
    }
}
