import Files
import Foundation

/// Shows how far a run is, on the standard error of one rank.
///
/// On a terminal this is one line that is drawn again at most ten times a second. Elsewhere it is a line at the end
/// of a round, at least ten seconds after the last (the first and the last round always have one), and one a minute
/// within long rounds. Used from the rank's main thread only.
package final class ProgressReporter {
    private let rounds: Int
    private let style: Terminal.ProgressStyle
    private let unicode: Bool
    private let width: () -> Int
    private let now: () -> Double
    private let write: (String) -> Void

    private let start: Double
    private let startFraction: Double
    private var round: Int
    private var roundSteps = 0
    private var stepsDone = 0
    private var losses = SmoothedLosses()
    private var speed: SmoothedRate
    private var lastShown = -Double.infinity
    private var barIsShown = false

    /// - Parameters:
    ///   - rounds: rounds of the whole run.
    ///   - finished: rounds done before this process began (a resumed run); they do not count for the speed.
    ///   - style: bar, lines or nothing.
    ///   - unicode: whether block characters may be used.
    ///   - width: columns of the terminal, asked at each drawing.
    ///   - now: seconds of a clock that never goes back.
    ///   - write: where the text goes.
    package init(
        rounds: Int, finished: Int = 0, style: Terminal.ProgressStyle = Terminal.progressStyle(),
        unicode: Bool = Terminal.isUnicode(), width: @escaping () -> Int = { Terminal.width() },
        now: @escaping () -> Double = monotonicSeconds,
        write: @escaping (String) -> Void = { StandardError.write($0) }
    ) {
        self.rounds = rounds
        self.style = style
        self.unicode = unicode
        self.width = width
        self.now = now
        self.write = write
        start = now()
        round = finished
        startFraction = rounds > 0 ? Double(finished) / Double(rounds) : 1
        speed = SmoothedRate(start: start)
    }

    /// A round begins. `steps`: training steps in it, summed over its centers; 0 where that is not known. `done`: how many
    /// of them were done before this process began.
    package func begin(round: Int, steps: Int, done: Int = 0) {
        self.round = round
        roundSteps = steps
        stepsDone = done
        show(progress, ended: false)
    }

    /// Steps were done.
    /// - Parameters:
    ///   - count: how many, summed over the centers.
    ///   - losses: the mean losses of these steps, the total first; empty where this rank does not know them.
    package func advance(steps count: Int, losses values: [RunProgress.Loss] = []) {
        stepsDone += count
        speed.add(count, at: now())
        losses.add(values)
        show(progress, ended: false)
    }

    /// The round has ended.
    /// - Parameter values: mean losses over the round, which are shown in place of the smoothed ones where given.
    package func end(round: Int, losses values: [RunProgress.Loss] = []) {
        self.round = round
        stepsDone = roundSteps
        var ended = progress
        ended.roundFraction = 1
        ended.secondsLeft = secondsLeft(at: ended.fraction)
        if !values.isEmpty { ended.losses = values }
        show(ended, ended: true)
    }

    /// Writes a text on lines of its own, above the bar where there is one; also with the style `none`.
    package func note(_ text: String) {
        eraseBar()
        write(text.hasSuffix("\n") ? text : text + "\n")
        lastShown = style == .bar ? -.infinity : lastShown
    }

    /// Leaves the last bar where it is, so that what comes next begins on a line of its own.
    package func finish() {
        if barIsShown { write("\n") }
        barIsShown = false
    }

    /// How far the run is now, for the file that others look at.
    func progressNote(at time: Double) -> ProgressNote {
        let progress = progress
        return ProgressNote(
            round: progress.round, step: min(stepsDone, roundSteps), steps: roundSteps,
            stepsPerSecond: progress.stepsPerSecond, secondsLeft: progress.secondsLeft, time: time)
    }

    /// How far the run is now.
    package var progress: RunProgress {
        var progress = RunProgress(
            round: max(1, round), rounds: rounds,
            roundFraction: roundSteps > 0 ? min(1, Double(stepsDone) / Double(roundSteps)) : 0,
            stepsPerSecond: speed.perSecond, losses: losses.values)
        progress.secondsLeft = secondsLeft(at: progress.fraction)
        return progress
    }

    private func secondsLeft(at fraction: Double) -> Double? {
        let done = fraction - startFraction
        return done > 0 ? (now() - start) / done * (1 - fraction) : nil
    }

    private func show(_ progress: RunProgress, ended: Bool) {
        let time = now()
        let silence = time - lastShown
        switch style {
        case .none: return
        case .bar:
            guard silence >= 0.1 || ended else { return }
            // One column less than there are: a terminal wraps a line that reaches the last.
            write("\r" + progress.bar(width: width() - 1, unicode: unicode) + "\u{1B}[K")
            barIsShown = true
        case .lines:
            if lastShown == -.infinity, !ended {
                // The minute of silence counts from the beginning.
                lastShown = time - Self.lineInterval
                return
            }
            let isLast = ended && progress.round == rounds
            guard isLast || silence >= (ended ? Self.lineInterval : Self.longestSilence) else { return }
            write(progress.line + "\n")
        }
        lastShown = time
    }

    private func eraseBar() {
        if barIsShown { write("\r\u{1B}[K") }
        barIsShown = false
    }

    private static let lineInterval = 10.0
    private static let longestSilence = 60.0
}
