/// Accumulates the seconds that one rank spends in each phase.
///
/// Phases may nest: time in an inner phase does not count for the outer one, so that the phases never add up to more
/// than the time that has passed. Used from the rank's main thread only.
package final class PhaseClock {
    private let now: () -> Double
    private let start: Double
    private var current: RunPhase?
    private var since: Double
    private var accumulated = [Double](repeating: 0, count: RunPhase.allCases.count)

    /// - Parameter now: seconds of a clock that never goes back.
    package init(now: @escaping () -> Double = monotonicSeconds) {
        self.now = now
        start = now()
        since = start
    }

    /// Runs `body` as part of `phase`; then the phase around it goes on.
    package func measure<Result, Failure: Error>(
        _ phase: RunPhase, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outer = current
        enter(phase)
        defer { enter(outer) }
        return try body()
    }

    /// Counts `seconds` of the current phase as `phase`'s: for a callee that measured itself, such as a collective that
    /// knows how long it waited. No more is moved than the current phase has.
    package func move(seconds: Double, to phase: RunPhase) {
        guard let current, current != phase, seconds > 0 else { return }
        enter(current)
        let moved = min(seconds, accumulated[current.rawValue])
        accumulated[current.rawValue] -= moved
        accumulated[phase.rawValue] += moved
    }

    /// Seconds so far in a phase.
    package func seconds(in phase: RunPhase) -> Double {
        accumulated[phase.rawValue] + (current == phase ? now() - since : 0)
    }

    /// What ranks gather to build the table of phases: seconds of each phase in the order of `RunPhase.allCases`, then
    /// the seconds since this clock was made.
    package var record: [Double] { RunPhase.allCases.map(seconds(in:)) + [now() - start] }

    private func enter(_ phase: RunPhase?) {
        let time = now()
        if let current { accumulated[current.rawValue] += time - since }
        since = time
        current = phase
    }
}

/// Seconds of the system's clock that never goes back, from an arbitrary origin.
package func monotonicSeconds() -> Double {
    let time = ContinuousClock.now - origin
    return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
}

private let origin = ContinuousClock.now
