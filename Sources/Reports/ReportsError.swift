import Errors

/// What went wrong with a report: what was attempted, on what, why it failed, what to do.
package struct ReportsError: ExplainedError {
    /// What was attempted, as it continues "cannot".
    package var attempted: String
    /// On what: a path.
    package var subject: String
    /// Why it failed.
    package var reason: String
    /// What the user can do about it.
    package var remedy: String
}
