import Errors

/// Why a secure round ends: what was attempted, on what, why it failed, what to do. Nothing is released then.
package struct SecureAggregationError: ExplainedError, Equatable {
    /// What was attempted, as it continues "cannot".
    package var attempted: String
    /// On what.
    package var subject: String
    /// Why it failed.
    package var reason: String
    /// What to do about it.
    package var remedy: String

    /// An error whose description is a sentence of these parts.
    package init(attempted: String, subject: String, reason: String, remedy: String) {
        self.attempted = attempted
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }
}

extension SecureAggregationError {
    /// A message that is not what its sender sent, or not of this round.
    static func forged(_ message: String, from center: Int, _ reason: String) -> SecureAggregationError {
        SecureAggregationError(
            attempted: "use", subject: "the \(message) of center \(center)", reason: reason,
            remedy: "find out what stands between the centers; resume the run, which begins the round's exchange anew")
    }

    /// A server that asks for what would show a single center's contribution.
    static func refused(_ reason: String) -> SecureAggregationError {
        SecureAggregationError(
            attempted: "answer", subject: "the server's request for shares", reason: reason,
            remedy: "find out what the server runs; no share was released to this request")
    }

    /// Fewer centers than are needed.
    static func tooFew(_ subject: String, _ reason: String) -> SecureAggregationError {
        SecureAggregationError(
            attempted: "add up", subject: subject, reason: reason,
            remedy: "raise participation, lower dropout and stragglers, or resume the run once more centers are there")
    }
}
