import Foundation

/// The mean scores of all centers in a few numbers. Each center counts the same, and those without a case do not.
package struct ScoreSummary: Sendable {
    /// Mean foreground Dice over the centers; nil where none has a case.
    package let mean: Double?
    /// The center with the least Dice, and that; nil where none has a case, or where nothing is known of each.
    package let worst: (center: String, dice: Double)?
    /// Standard deviation between the centers (n − 1); nil for less than two.
    package let spread: Double?
    /// How often a case had a class neither in truth nor in the prediction, of all cases and classes.
    package let absent: Int

    /// A summary.
    package init(_ scores: [CenterMeans]) {
        let known = scores.compactMap { score in score.mean.map { (center: score.center, dice: $0) } }
        let distribution = Distribution(known.map(\.dice))
        mean = distribution?.mean
        spread = distribution?.deviation
        worst = known.min { ($0.dice, $0.center) < ($1.dice, $1.center) }
        absent = scores.reduce(0) { $0 + $1.absent.reduce(0, +) }
    }

    /// A summary of sums over the centers, which tell of no single one.
    init(mean: Double?, spread: Double?, absent: Int) {
        (self.mean, self.spread, self.absent) = (mean, spread, absent)
        worst = nil
    }

    /// What metrics and reports tell: `mean_dice`, `worst_center`, `worst_dice`, `spread`.
    package var metrics: [String: MetricsValue] {
        [
            "mean_dice": mean.map(MetricsValue.number) ?? .null, "spread": spread.map(MetricsValue.number) ?? .null,
            "worst_center": worst.map { .text($0.center) } ?? .null,
            "worst_dice": worst.map { .number($0.dice) } ?? .null,
        ]
    }

    /// A line or two below a table.
    /// - Parameters:
    ///   - split: the cases' split.
    ///   - convention: how absent classes count.
    package func text(centers: Int, split: String, convention: Configuration.AbsentClass) -> String {
        guard let mean else {
            return "mean foreground \(split) Dice over \(centers) centers: unknown, no center has \(split) cases\n"
        }
        func number(_ value: Double) -> String { String(format: "%.3f", value) }
        var text = "mean foreground \(split) Dice over \(centers) center\(centers == 1 ? "" : "s"): \(number(mean))"
        if centers > 1, let worst { text += "; least: \(number(worst.dice)) (\(worst.center))" }
        if let spread { text += "; spread between centers: \(number(spread))" }
        guard absent > 0 else { return text + "\n" }
        let counts = convention == .one ? "count as 1" : "are left out"
        return text + "\nclasses that a case has neither in truth nor in the prediction: \(absent), which \(counts)\n"
    }
}
