/// A point of a run that a checkpoint holds: the end of a round, or some steps into the next one.
package struct RunPosition: Sendable, Hashable, Comparable, Codable {
    /// Rounds that are complete.
    package var round: Int
    /// Training steps of the next round that are done, over all centers; 0 at a round's end.
    package var steps: Int

    /// The end of a round, or `steps` into the next one.
    package init(round: Int, steps: Int = 0) {
        self.round = round
        self.steps = steps
    }

    /// The name of its checkpoint's folder: "round-000012", or "round-000012.step-000034" in the middle of round 13.
    package var name: String { "round-\(Self.digits(round))" + (steps > 0 ? ".step-\(Self.digits(steps))" : "") }

    /// The position of a name that ``name`` made; nil for other names.
    package init?(named name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let round = Self.number(parts[0], after: "round-"), parts.count <= 2 else { return nil }
        self.init(round: round)
        if parts.count == 2 {
            guard let steps = Self.number(parts[1], after: "step-") else { return nil }
            self.steps = steps
        }
        guard self.name == name else { return nil }
    }

    /// In words: "round 12", "round 12 and 34 steps".
    package var description: String { "round \(round)" + (steps > 0 ? " and \(steps) steps" : "") }

    package static func < (first: RunPosition, second: RunPosition) -> Bool {
        (first.round, first.steps) < (second.round, second.steps)
    }

    private static func digits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private static func number(_ text: some StringProtocol, after prefix: String) -> Int? {
        text.hasPrefix(prefix) ? Int(text.dropFirst(prefix.count)) : nil
    }
}

/// How far the centers are in a round that was stopped before its end.
package struct RoundProgress: Codable, Sendable, Equatable {
    /// A center's part of the round.
    package struct Center: Codable, Sendable, Equatable {
        /// Steps that are done.
        package var steps = 0
        /// Sums of their losses, term by term.
        package var losses: [Double] = []

        /// A part of which nothing is done.
        package init() {}
    }

    /// The centers that have begun, by name.
    package var centers: [String: Center] = [:]

    /// A round in which nothing is done.
    package init() {}

    /// Steps that are done, over all centers.
    package var steps: Int { centers.values.reduce(0) { $0 + $1.steps } }
}
