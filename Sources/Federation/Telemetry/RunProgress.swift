import Foundation

/// How far a run is: what a line of progress shows.
package struct RunProgress: Sendable, Equatable {
    /// A loss by name. The first of several is the one a narrow line shows.
    package struct Loss: Sendable, Equatable {
        /// What is measured, as it is shown.
        package var name: String
        /// Its value.
        package var value: Double

        /// A loss of a name and a value.
        package init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    /// The round that is running or has just ended, from 1.
    package var round: Int
    /// Rounds of the whole run.
    package var rounds: Int
    /// The part of that round that is done, in [0, 1].
    package var roundFraction: Double
    /// Training steps per second, summed over the centers.
    package var stepsPerSecond: Double?
    /// Losses, the total first; may be empty.
    package var losses: [Loss]
    /// Estimated time to the end of the run; nil while there is nothing to judge by.
    package var secondsLeft: Double?

    /// The state of a run; what is not known is left out of the line.
    package init(
        round: Int, rounds: Int, roundFraction: Double, stepsPerSecond: Double? = nil, losses: [Loss] = [],
        secondsLeft: Double? = nil
    ) {
        self.round = round
        self.rounds = rounds
        self.roundFraction = roundFraction
        self.stepsPerSecond = stepsPerSecond
        self.losses = losses
        self.secondsLeft = secondsLeft
    }

    /// The part of the run that is done, in [0, 1].
    package var fraction: Double {
        rounds > 0 ? min(1, max(0, (Double(round - 1) + roundFraction) / Double(rounds))) : 1
    }

    /// One line of at most `width` columns with a bar. What does not fit is left out: first the further losses, then
    /// the speed, then the bar, then the loss.
    package func bar(width: Int, unicode: Bool) -> String {
        let head = "round \(padded)/\(rounds)"
        let percent = "\(Int(fraction * 100))%"
        let speed = speedText.map { [$0] } ?? []
        let left = leftText.map { [$0] } ?? []
        let losses = lossTexts
        let firstLoss = Array(losses.prefix(1))
        let candidates: [[[String]]] = [[speed, losses], [speed, firstLoss], [firstLoss], []]
        let separator = unicode ? " · " : "  "
        let tails = candidates.map { ([percent] + $0.joined() + left).joined(separator: separator) }
        for tail in tails {
            // Head, space, bar with its two ends, space, tail.
            let room = min(30, width - head.count - tail.count - 4)
            if room >= 8 { return "\(head) \(Self.bar(fraction, width: room, unicode: unicode)) \(tail)" }
        }
        for tail in tails.suffix(2) where head.count + 1 + tail.count <= width { return "\(head) \(tail)" }
        return String(head.prefix(max(0, width)))
    }

    /// A line for a log file.
    package var line: String {
        var parts = ["round \(padded)/\(rounds)"]
        if roundFraction < 1 { parts.append("\(Int(roundFraction * 100))% of it") }
        parts += lossTexts
        parts += [speedText, leftText].compactMap { $0 }
        return parts.joined(separator: ", ")
    }

    private var padded: String {
        let number = String(round)
        return String(repeating: " ", count: max(0, String(rounds).count - number.count)) + number
    }

    private var speedText: String? { stepsPerSecond.map { Self.significant($0) + " steps/s" } }
    private var leftText: String? { secondsLeft.map { Self.duration($0) + " left" } }
    private var lossTexts: [String] { losses.map { "\($0.name) \(String(format: "%.3f", $0.value))" } }

    private static func bar(_ fraction: Double, width: Int, unicode: Bool) -> String {
        guard unicode else {
            let full = Int(fraction * Double(width))
            return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: width - full) + "]"
        }
        let eighths = Int(fraction * Double(width * 8))
        let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        let full = String(repeating: "█", count: eighths / 8) + partial
        return "▕" + full + String(repeating: " ", count: width - full.count) + "▏"
    }

    /// Three significant digits, no exponent.
    private static func significant(_ value: Double) -> String {
        String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }

    /// A duration in its two largest units: `42 s`, `4 min 09 s`, `2 h 05 min`, `3 d 04 h`.
    package static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3600: return String(format: "%d min %02d s", whole / 60, whole % 60)
        case ..<86_400: return String(format: "%d h %02d min", whole / 3600, whole / 60 % 60)
        default: return String(format: "%d d %02d h", whole / 86_400, whole / 3600 % 24)
        }
    }
}
