/// A labelled image that was found in a data set, and the center it belongs to.
struct ImportedCase {
    /// The center's name.
    var center: String
    /// Who made the scanner, as far as the data set says.
    var vendor: String
    var subject: String
    var phase: Phase
    /// Absolute paths.
    var image, label: String
    /// Frames of 4-D files, from 0.
    var frame, labelFrame: Int?
}

/// Something in a data set that was not imported, or that looks wrong.
package struct ImportProblem: Equatable, Sendable {
    /// What kind of problem.
    package enum Kind: String, Sendable, CaseIterable {
        /// A file or a row of a table that should be there is not.
        case missing
        /// There is an image without a segmentation, or with an empty one.
        case unlabelled
        /// A subject or a case is there twice; the first counts.
        case duplicated
        /// Two places say different things, or values stand for nothing.
        case contradictory
        /// It was imported, but looks unusual.
        case odd
    }

    /// What kind of problem.
    package var kind: Kind
    /// The subject or case.
    package var subject: String
    /// What is the matter, and what was done.
    package var detail: String
}
