import Federation
import Testing

@Suite("Telemetry: progress")
struct TelemetryProgressTests {
    static let example = RunProgress(
        round: 7, rounds: 30, roundFraction: 0.5, stepsPerSecond: 3.14159,
        losses: [.init("loss", 0.81234), .init("dice", 0.4)], secondsLeft: 252)

    @Test(
        "a line of progress leaves out what does not fit",
        arguments: [
            (
                120,
                "round  7/30 [######........................] 21%  3.14 steps/s  loss 0.812  dice 0.400  4 min 12 s left"
            ),
            (81, "round  7/30 [#.......] 21%  3.14 steps/s  loss 0.812  dice 0.400  4 min 12 s left"),
            (80, "round  7/30 [####...............] 21%  3.14 steps/s  loss 0.812  4 min 12 s left"),
            (55, "round  7/30 [#.......] 21%  loss 0.812  4 min 12 s left"),
            (48, "round  7/30 [##...........] 21%  4 min 12 s left"),
            (38, "round  7/30 21%  4 min 12 s left"),
            (20, "round  7/30"),
            (5, "round"),
            (0, ""),
            (-3, ""),
        ])
    func bar(_ width: Int, _ line: String) {
        #expect(Self.example.bar(width: width, unicode: false) == line)
    }

    @Test("a line of progress never exceeds the width", arguments: 0...150)
    func width(_ width: Int) {
        for unicode in [false, true] {
            for fraction in [0, 0.013, 0.5, 0.999, 1] {
                var progress = Self.example
                progress.roundFraction = fraction
                #expect(progress.bar(width: width, unicode: unicode).count <= width)
            }
        }
    }

    @Test("block characters draw eighths of a column")
    func blocks() {
        let progress = RunProgress(round: 1, rounds: 1, roundFraction: 0.6)
        #expect(progress.bar(width: 26, unicode: true) == "round 1/1 ▕██████    ▏ 60%")
        let other = RunProgress(round: 1, rounds: 1, roundFraction: 0.65)
        #expect(other.bar(width: 26, unicode: true) == "round 1/1 ▕██████▌   ▏ 65%")
    }

    @Test("a line for a log names the part of an unfinished round")
    func line() {
        #expect(
            Self.example.line == "round  7/30, 50% of it, loss 0.812, dice 0.400, 3.14 steps/s, 4 min 12 s left")
        #expect(RunProgress(round: 30, rounds: 30, roundFraction: 1).line == "round 30/30")
    }

    @Test(
        "durations are in their two largest units",
        arguments: [
            (0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (252, "4 min 12 s"), (3599.6, "1 h 00 min"),
            (7500, "2 h 05 min"), (273_600, "3 d 04 h"), (.infinity, "?"), (.nan, "?"), (-1, "?"),
        ])
    func durations(_ seconds: Double, _ text: String) { #expect(RunProgress.duration(seconds) == text) }

    @Test("on a terminal, one line is drawn again at most ten times a second")
    func barIsDrawnAgain() {
        let scene = Scene(style: .bar)
        scene.reporter.begin(round: 1, steps: 100)
        for _ in 0..<50 {
            scene.time += 0.02
            scene.reporter.advance(steps: 1)
        }
        let drawn = scene.text.split(separator: "\r")
        #expect((9...11).contains(drawn.count))
        #expect(drawn.allSatisfy { $0.hasPrefix("round 1/30 ") || $0.hasPrefix("round  1/30 ") })
        #expect(!scene.text.contains("\n"))
        scene.reporter.finish()
        #expect(scene.text.hasSuffix("\n"))
    }

    @Test("a note stands above the bar")
    func note() {
        let scene = Scene(style: .bar)
        scene.reporter.begin(round: 1, steps: 10)
        scene.text = ""
        scene.reporter.note("checkpoint written")
        scene.reporter.advance(steps: 1)
        #expect(scene.text.hasPrefix("\r\u{1B}[Kcheckpoint written\n\rround  1/30 "))
    }

    @Test("elsewhere, short rounds have a line every ten seconds, and the first and the last have one")
    func lines() {
        let scene = Scene(style: .lines)
        for round in 1...30 {
            scene.reporter.begin(round: round, steps: 4)
            for _ in 0..<4 {
                scene.time += 1
                scene.reporter.advance(steps: 1)
            }
            scene.reporter.end(round: round)
        }
        let rounds = scene.text.split(separator: "\n").map { $0.prefix { $0 != "," } }
        #expect(rounds.prefix(3) == ["round  1/30", "round  4/30", "round  7/30"])
        #expect(rounds.last == "round 30/30")
        #expect(rounds.count == 11)
    }

    @Test("elsewhere, a long round has a line a minute")
    func longRound() {
        let scene = Scene(style: .lines)
        scene.reporter.begin(round: 1, steps: 300)
        for _ in 0..<300 {
            scene.time += 1
            scene.reporter.advance(steps: 1)
        }
        #expect(scene.text.split(separator: "\n").count == 5)
    }

    @Test("nothing is shown where nothing is wanted")
    func silent() {
        let scene = Scene(style: .none)
        scene.reporter.begin(round: 1, steps: 1)
        scene.reporter.advance(steps: 1)
        scene.reporter.end(round: 1)
        scene.reporter.finish()
        #expect(scene.text.isEmpty)
    }

    @Test("speed and time left count this process's rounds only")
    func resumed() throws {
        let scene = Scene(style: .none, finished: 20)
        for round in 21...25 {
            scene.reporter.begin(round: round, steps: 8)
            for _ in 0..<4 {
                scene.time += 2
                scene.reporter.advance(steps: 2)
            }
        }
        let progress = scene.reporter.progress
        #expect(abs(try #require(progress.stepsPerSecond) - 1) < 1e-9)
        #expect(abs(try #require(progress.secondsLeft) - 40) < 1e-9)
    }

    @Test("losses are smoothed, a constant one stays as it is")
    func smoothing() throws {
        let scene = Scene(style: .none)
        for step in 0..<40 {
            scene.reporter.advance(steps: 1, losses: [.init("loss", 2), .init("dice", step < 20 ? 1 : 0)])
        }
        let losses = scene.reporter.progress.losses
        #expect(losses.map(\.name) == ["loss", "dice"])
        #expect(abs(losses[0].value - 2) < 1e-12)
        #expect(losses[1].value > 0.05 && losses[1].value < 0.2)
    }

    @Test(
        "a bar is for terminals, unless the environment says otherwise",
        arguments: [
            ([:], true, .bar), ([:], false, .lines), (["TERM": "dumb"], true, .lines),
            (["FEDCRLD_PROGRESS": "bar"], false, .bar), (["FEDCRLD_PROGRESS": "none"], true, .none),
            (["FEDCRLD_PROGRESS": "colorful"], false, .lines),
        ] as [([String: String], Bool, Terminal.ProgressStyle)])
    func style(_ environment: [String: String], _ isTerminal: Bool, _ style: Terminal.ProgressStyle) {
        #expect(Terminal.progressStyle(environment: environment, isTerminal: isTerminal) == style)
    }

    @Test(
        "block characters need a UTF-8 locale",
        arguments: [
            ([:], false), (["LANG": "C"], false), (["LANG": "en_US.UTF-8"], true), (["LANG": "C.utf8"], true),
            (["LC_ALL": "C", "LANG": "en_US.UTF-8"], false), (["LC_ALL": "", "LANG": "en_US.UTF-8"], true),
        ] as [([String: String], Bool)])
    func unicode(_ environment: [String: String], _ expected: Bool) {
        #expect(Terminal.isUnicode(environment: environment) == expected)
    }

    /// A reporter whose clock and output are at hand.
    final class Scene {
        var time = 1000.0
        var text = ""
        private let style: Terminal.ProgressStyle
        private let finished: Int
        lazy var reporter = ProgressReporter(
            rounds: 30, finished: finished, style: style, unicode: false, width: { 81 },
            now: { [unowned self] in time }, write: { [unowned self] in text += $0 })

        init(style: Terminal.ProgressStyle, finished: Int = 0) {
            self.style = style
            self.finished = finished
            _ = reporter
        }
    }
}
