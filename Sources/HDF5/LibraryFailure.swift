import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What happens where the library itself fails over a damaged file.
///
/// HDF5 trusts the structure of a file. Where that is damaged in certain ways it reads and frees memory that is not its
/// own, or follows a circle of addresses without end. The process cannot go on then; but it ends with a message that
/// names the file, and status 1.
enum LibraryFailure {
    /// The message, ready for a signal handler, which may not make one.
    nonisolated(unsafe) private static var message = [UInt8](repeating: 0, count: 4096)
    nonisolated(unsafe) private static var length = 0
    /// How often the library was entered by the thread that holds its lock, and who that is.
    nonisolated(unsafe) private static var depth = 0
    nonisolated(unsafe) private static var thread = pthread_self()
    /// A stack of the handler's own: recursion without end uses the thread's up.
    nonisolated(unsafe) private static let stack = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 16)

    /// Counts what is done: odd inside the library, even outside, another number for each call.
    private static let calls = Atomic<Int>(0)
    /// Of the thread inside: the clock of its processor time.
    private static let clock = Atomic<Int32>(0)
    /// Processor time in seconds that one call may take. The longest that is right reads one array, which takes a second
    /// for several GB; waiting for a disk does not count.
    private static let longestCall = 30

    /// From now on such a failure is explained. Once, under the library's lock.
    static func explain() {
        (depth, length) = (0, 0)
        for number in [SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in LibraryFailure.end(number) }
            action.sa_flags = SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))
            sigaction(number, &action, nil)
        }
        var watch = pthread_t()
        guard pthread_create(&watch, nil, { _ in LibraryFailure.watch() }, nil) == 0 else { return }
        pthread_detach(watch)
    }

    /// The library's lock is taken, by a thread that is about to call it.
    static func enter() {
        if depth == 0 {
            thread = pthread_self()
            var own = stack_t(ss_sp: stack, ss_flags: 0, ss_size: 1 << 16)
            sigaltstack(&own, nil)
            var identifier = clockid_t()
            pthread_getcpuclockid(thread, &identifier)
            clock.store(identifier, ordering: .relaxed)
            calls.add(1, ordering: .releasing)
        }
        depth += 1
    }

    /// The lock is about to be given back.
    static func leave() {
        depth -= 1
        if depth == 0 { calls.add(1, ordering: .releasing) }
    }

    /// What is being done, under the lock.
    static func note(_ attempt: Attempt) {
        let text =
            "fedcrld: cannot \(attempt.attempted) \(attempt.subject): the HDF5 library failed over its structure, "
            + "which is damaged; use another copy of the file\n"
        length = 0
        for byte in text.utf8.prefix(message.count) {
            message[length] = byte
            length += 1
        }
        calls.add(2, ordering: .releasing)
    }

    private static func end(_ number: Int32) {
        // Another thread, or another reason: as if there were no handler, which SA_RESETHAND has seen to.
        guard depth > 0, pthread_equal(pthread_self(), thread) != 0 else {
            raise(number)
            return
        }
        exitWithMessage()
    }

    private static func exitWithMessage() -> Never {
        _ = message.withUnsafeBufferPointer { write(STDERR_FILENO, $0.baseAddress, length) }
        _exit(1)
    }

    /// Looks from time to time, in a thread of its own, whether the library is at one call for too long.
    private static func watch() -> Never {
        var (call, start) = (0, 0)
        while true {
            sleep(2)
            let current = calls.load(ordering: .acquiring)
            var time = timespec()
            guard current % 2 == 1, clock_gettime(clock.load(ordering: .relaxed), &time) == 0 else { continue }
            if current != call {
                (call, start) = (current, time.tv_sec)
            } else if time.tv_sec - start > longestCall, calls.load(ordering: .acquiring) == call {
                exitWithMessage()
            }
        }
    }
}
