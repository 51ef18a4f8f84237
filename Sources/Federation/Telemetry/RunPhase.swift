/// What a rank spends its time on.
package enum RunPhase: Int, Sendable, CaseIterable {
    /// Forward and backward passes, optimizer steps, preprocessing.
    case compute
    /// Waiting for other ranks to come to a collective.
    case wait
    /// Moving bottlenecks, gradients and weights.
    case communicate
    /// Writing state to disk and reading it back.
    case checkpoint
    /// Segmenting and measuring held-out volumes.
    case evaluate

    /// The name in tables and in metrics.
    package var name: String { "\(self)" }
}
