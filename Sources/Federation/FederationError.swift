/// What went wrong in a run: what was attempted, on what, why it failed and what to do about it.
package struct FederationError: Error, Equatable, CustomStringConvertible {
    /// Whose move it is: the exit status tells a script the same.
    package enum Kind: Sendable {
        /// The run failed. Exit status 1.
        case failure
        /// The configuration or the command line is wrong; nothing was started. Exit status 2.
        case configuration
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

    /// An error whose description is a sentence of these parts.
    package init(kind: Kind = .failure, attempted: String, subject: String, reason: String, remedy: String) {
        self.kind = kind
        self.attempted = attempted
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }

    package var description: String { "cannot \(attempted) \(subject): \(reason); \(remedy)" }

    /// The exit status of a program that ends with this error.
    package var exitStatus: Int32 {
        switch kind {
        case .failure: 1
        case .configuration: 2
        }
    }
}
