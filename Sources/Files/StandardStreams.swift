#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a process is given to read and write from the start: descriptors 0, 1 and 2.
package enum StandardStreams {
    /// Makes sure, before anything else is opened or written, that the three are there and that a write that fails is an
    /// error to handle instead of a signal that ends the process.
    ///
    /// A closed one is opened on /dev/null: the next file that is opened would take its number, and messages would be
    /// written into it. Standard output only for reading, so that a result that goes nowhere is noticed.
    package static func prepare() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
            _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
        // A pipe whose reader has gone; a file beyond the limit of its size.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Writes all bytes; nil, or the error number where that is not possible.
    /// - Parameter patience: milliseconds to wait for a full pipe that does not block; −1: any time.
    static func write(_ text: String, to descriptor: Int32, patience: Int32) -> Int32? {
        var text = text
        return text.withUTF8 { bytes in
            var position = 0
            while position < bytes.count {
                let written = systemWrite(descriptor, bytes.baseAddress.map { $0 + position }, bytes.count - position)
                if written >= 0 {
                    position += written
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&waiting, 1, patience) == 0 { return EAGAIN }
                default: return errno
                }
            }
            return nil
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Standard error: messages and progress, which are lost where they cannot be written and never fail the work.
package enum StandardError {
    /// Writes a text as far as it can be written without waiting long.
    package static func write(_ text: String) {
        _ = StandardStreams.write(text, to: STDERR_FILENO, patience: 500)
    }
}

/// Standard output: results.
package enum StandardOutput {
    /// Writes a text.
    /// - Parameter isPatient: whether to wait as long as it takes for the reader of a full pipe.
    /// - Throws: where it cannot be written: the result is lost then.
    package static func write(_ text: String, isPatient: Bool = true) throws(SystemFailure) {
        if let code = StandardStreams.write(text, to: STDOUT_FILENO, patience: isPatient ? -1 : 500) {
            throw SystemFailure(code: code)
        }
    }
}

/// An error number of the operating system.
package struct SystemFailure: Error, Equatable, CustomStringConvertible {
    /// The number, such as `ENOSPC`.
    package let code: Int32

    /// The failure of the last call, unless a number is given.
    package init(code: Int32 = errno) { self.code = code }

    /// The system's words, in lower case: "no space left on device".
    package var description: String { String(cString: strerror(code)).lowercased() }

    /// Whether a disk, a quota or the limit of a file's size is the cause.
    package var isLackOfSpace: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}
