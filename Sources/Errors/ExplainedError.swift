/// An error that a person can do something about: the shape of all errors of this package.
///
/// Each target has a type of its own, so that what a function can throw is known.
package protocol ExplainedError: Error, CustomStringConvertible {
    /// What was attempted, as it continues "cannot": "read", "load cohort".
    var attempted: String { get }
    /// On what: a path, a center, a dataset in a file, a key and its line.
    var subject: String { get }
    /// Why it failed.
    var reason: String { get }
    /// What to do about it, as an imperative.
    var remedy: String { get }
    /// The error that it came of; nil where it is the first.
    var cause: (any Error)? { get }
}

extension ExplainedError {
    /// A sentence of the parts.
    package var description: String { "cannot \(attempted) \(subject): \(reason); \(remedy)" }

    /// It is the first.
    package var cause: (any Error)? { nil }
}
