import Errors

/// What went wrong with a volume, a cohort or a setting: what was attempted, on what, why it failed, what to do.
package struct CardiacMRError: ExplainedError, Equatable {
    /// What was attempted, as it continues "cannot": `"read"`, `"load cohort"`.
    package var attempted: String
    /// On what: a path, a setting's name, a center.
    package var subject: String
    /// Why it failed.
    package var reason: String
    /// What the user can do about it.
    package var remedy: String

    /// An error whose description is a sentence of these parts.
    package init(attempted: String, subject: String, reason: String, remedy: String) {
        self.attempted = attempted
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }
}
