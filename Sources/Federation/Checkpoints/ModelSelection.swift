/// What a run's evaluations on validation cases have found: which round is the best so far.
///
/// It is in every checkpoint, so that a run that is resumed chooses as one that nobody stopped.
package struct ModelSelection: Codable, Sendable, Equatable {
    /// A round and its mean foreground Dice over the centers.
    package struct Best: Codable, Sendable, Equatable {
        /// The round.
        package var round: Int
        /// Its Dice.
        package var dice: Double
    }

    /// The last round after which validation cases were evaluated; 0 before the first.
    package private(set) var evaluated = 0
    /// The best of these rounds, the first one of several; nil before the first that has a Dice.
    package private(set) var best: Best?

    /// Nothing was evaluated.
    package init() {}

    /// Notes an evaluation.
    /// - Parameter dice: nil where no case could be used.
    package mutating func note(round: Int, dice: Double?) {
        evaluated = round
        if let dice, best.map({ dice > $0.dice }) ?? true { best = Best(round: round, dice: dice) }
    }

    /// Whether so many rounds brought nothing better. A patience of 0 has no end.
    package func isExhausted(patience: Int) -> Bool {
        guard patience > 0, let best else { return false }
        return evaluated - best.round >= patience
    }
}

/// Which checkpoint of a run is meant.
package enum CheckpointChoice: Sendable, Equatable {
    /// The newest.
    case latest
    /// The one with the best Dice on validation cases.
    case best
    /// The one of a round's end.
    case round(Int)

    /// From "latest", "best" or a round's number; nil for anything else.
    package init?(_ text: String) {
        switch text {
        case "latest": self = .latest
        case "best": self = .best
        default:
            guard let round = Int(text), round >= 0 else { return nil }
            self = .round(round)
        }
    }
}
