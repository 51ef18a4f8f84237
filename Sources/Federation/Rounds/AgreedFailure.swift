/// A failure that all ranks know of: they end MPI in good order, and the root alone says what it was.
package struct AgreedFailure: Error {
    /// What happened, on the root; nil elsewhere.
    package let error: FederationError?
    /// The exit status of all ranks.
    package let exitStatus: Int32

    /// A failure that the root describes. Thrown by all ranks, with the same kind of error.
    package init(onRoot rank: RankContext, _ error: FederationError) {
        self.error = rank.isRoot ? error : nil
        exitStatus = error.exitStatus
    }
}
