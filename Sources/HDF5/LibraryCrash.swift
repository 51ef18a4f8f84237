#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What happens where the library itself fails over a damaged file.
///
/// HDF5 trusts the structure of a file, and reads and frees memory that is not its own where that is damaged in certain
/// ways. The process cannot go on then; but it ends with a message that names the file, and status 1.
enum LibraryCrash {
    /// The message, ready for a signal handler, which may not make one.
    nonisolated(unsafe) private static var message = [UInt8](repeating: 0, count: 4096)
    nonisolated(unsafe) private static var length = 0
    /// How often the library was entered by the thread that holds its lock, and who that is.
    nonisolated(unsafe) private static var depth = 0
    nonisolated(unsafe) private static var thread = pthread_self()
    /// A stack of the handler's own: recursion without end uses the thread's up.
    nonisolated(unsafe) private static let stack = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 16)

    /// From now on such a crash is explained. Once, under the library's lock.
    static func explain() {
        (depth, length) = (0, 0)
        for number in [SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in LibraryCrash.end(number) }
            action.sa_flags = SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))
            sigaction(number, &action, nil)
        }
    }

    /// The library's lock is taken, by a thread that is about to call it.
    static func enter() {
        if depth == 0 {
            thread = pthread_self()
            var own = stack_t(ss_sp: stack, ss_flags: 0, ss_size: 1 << 16)
            sigaltstack(&own, nil)
        }
        depth += 1
    }

    /// The lock is about to be given back.
    static func leave() { depth -= 1 }

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
    }

    private static func end(_ number: Int32) {
        // Another thread, or another reason: as if there were no handler, which SA_RESETHAND has seen to.
        guard depth > 0, pthread_equal(pthread_self(), thread) != 0 else {
            raise(number)
            return
        }
        _ = message.withUnsafeBufferPointer { write(STDERR_FILENO, $0.baseAddress, length) }
        _exit(1)
    }
}
