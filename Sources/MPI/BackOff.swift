#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What to do between two looks at an operation that is not done yet.
///
/// MPI libraries poll without end while they wait, which takes a core from the compute threads of other ranks on the
/// machine. Ranks of a federation wait for seconds and minutes, so here they sleep. The sleep grows with the time waited,
/// so that no wait is made longer by much: an eighth of it up to 200 µs, then a fiftieth of it up to 1 ms.
struct BackOff {
    /// What is waited for.
    enum Purpose {
        /// Other ranks, which may still compute for long: sleep soon.
        case arrival
        /// Data, while all ranks are here. Libraries move them on only when asked, so a sleep would hold up the others
        /// as well; sleep only when it takes very long.
        case transfer
        /// One other rank that computes for this one, or asks it, for milliseconds: sleep soon, and never for long.
        case link
    }

    private let purpose: Purpose
    private let start = BackOff.seconds()
    private var looks = 0
    private var lastBreak = BackOff.seconds()

    init(for purpose: Purpose) { self.purpose = purpose }

    /// Seconds since the start.
    var elapsed: Double { BackOff.seconds() - start }

    /// Whether it is time to see to something else: once a millisecond, in waits that are longer than most.
    mutating func isTimeForOthers() -> Bool {
        guard looks > 64 else { return false }
        let now = BackOff.seconds()
        guard now - lastBreak >= 1e-3 else { return false }
        lastBreak = now
        return true
    }

    /// Pauses the thread for what the wait so far calls for.
    mutating func pause() {
        looks += 1
        guard looks > 64 else { return }
        let patience = purpose == .transfer ? 0.1 : 50e-6
        let elapsed = elapsed
        guard elapsed > patience else {
            sched_yield()
            return
        }
        let sleep =
            switch purpose {
            case .arrival, .transfer: min(elapsed / 8, max(200e-6, elapsed / 50), 1e-3)
            case .link: elapsed < 1 ? 50e-6 : 1e-3
            }
        var duration = timespec(tv_sec: 0, tv_nsec: Int(sleep * 1e9))
        nanosleep(&duration, nil)
    }

    /// A clock that only goes forward.
    static func seconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    }
}
