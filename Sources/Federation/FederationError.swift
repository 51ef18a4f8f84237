import Errors

/// What went wrong in a run: what was attempted, on what, why it failed and what to do about it.
package struct FederationError: ExplainedError, Equatable {
    /// Whose move it is: the exit status tells a script the same.
    package enum Kind: Sendable {
        /// The run failed. Exit status 1.
        case failure
        /// The configuration or the command line is wrong; nothing was started. Exit status 2.
        case configuration
        /// A training has gone astray: a loss is not finite, or parameters are too large to be summed. Exit status 1.
        case divergence
    }

    /// Whose move it is.
    package var kind: Kind
    /// What was attempted, as a verb: `"read"`.
    package var attempted: String
    /// On what: a path, a center, a key and its line.
    package var subject: String
    /// Why it failed.
    package var reason: String
    /// What to do about it, as an imperative.
    package var remedy: String
    /// The error that it came of.
    package var cause: (any Error)?

    /// An error whose description is a sentence of these parts.
    package init(
        kind: Kind = .failure, attempted: String, subject: String, reason: String, remedy: String,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.attempted = attempted
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
        self.cause = cause
    }

    package static func == (first: FederationError, second: FederationError) -> Bool {
        first.kind == second.kind && first.description == second.description
    }

    /// The exit status of a program that ends with this error.
    package var exitStatus: Int32 {
        switch kind {
        case .failure, .divergence: 1
        case .configuration: 2
        }
    }
}

extension FederationError {
    /// A wrong configuration or command line.
    package static func usage(
        _ attempted: String, _ subject: String, _ reason: String, _ remedy: String, cause: (any Error)? = nil
    ) -> FederationError {
        FederationError(
            kind: .configuration, attempted: attempted, subject: subject, reason: reason, remedy: remedy, cause: cause)
    }

    /// Another target's error in this one's words, of a kind unless it has one.
    package init(describing error: any Error, kind: Kind = .failure) {
        switch error {
        case let error as FederationError: self = error
        case let error as any ExplainedError:
            self.init(
                kind: kind, attempted: error.attempted, subject: error.subject, reason: error.reason,
                remedy: error.remedy, cause: error)
        default:
            // Of a library that knows nothing of us; there is no more to say than it says.
            self.init(
                kind: kind, attempted: "go on", subject: "with the command", reason: "\(error)",
                remedy: "check paths and permissions, and start it again", cause: error)
        }
    }
}
