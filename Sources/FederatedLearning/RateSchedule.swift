import Foundation

/// How the learning rate changes during a run: the factor of each step's rate, a function of the step's place in the run
/// and of nothing else. So a run that is resumed in the middle of a round goes on as it would have.
package struct RateSchedule: Sendable, Equatable {
    /// What the factor follows between a run's first step and its end.
    package enum Course: String, Sendable, CaseIterable {
        /// It is 1.
        case constant
        /// (1 − t)^0.9, t being the part of the run that is done: nnU-Net's.
        case polynomial
        /// ½ (1 + cos πt).
        case cosine
    }

    /// What the factor follows.
    package var course: Course
    /// Rounds at the beginning in which the factor also rises from 0 to 1, in equal steps.
    package var warmupRounds: Int
    /// Rounds in all.
    package var rounds: Int

    /// A schedule of a run.
    package init(_ course: Course = .constant, warmupRounds: Int = 0, rounds: Int = 1) {
        self.course = course
        self.warmupRounds = warmupRounds
        self.rounds = rounds
    }

    /// Whether the factor of a step hangs on how many rounds there are.
    package var dependsOnRounds: Bool { course != .constant }

    /// The factor of a step.
    /// - Parameters:
    ///   - round: from 1.
    ///   - step: of the center's steps in the round, from 0.
    ///   - steps: that the center makes in the round.
    package func factor(round: Int, step: Int, of steps: Int) -> Double {
        let done = Double(round - 1) + Double(step) / Double(steps)
        let part = min(1, done / Double(rounds))
        let course =
            switch course {
            case .constant: 1.0
            case .polynomial: pow(1 - part, 0.9)
            case .cosine: (1 + cos(.pi * part)) / 2
            }
        guard done < Double(warmupRounds) else { return course }
        return course * Double((round - 1) * steps + step + 1) / Double(warmupRounds * steps)
    }

    /// The sum of the factors of a center's steps in a round.
    package func sum(round: Int, steps: Int) -> Double {
        (0..<steps).reduce(0) { $0 + factor(round: round, step: $1, of: steps) }
    }
}
