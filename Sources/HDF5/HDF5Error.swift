import Errors

/// Why a file, a dataset or an attribute could not be read or written.
package struct HDF5Error: ExplainedError, Equatable {
    /// What was attempted, as a verb: "read", "create".
    package let attempted: String
    /// On what: "dataset network/conv/weight in state.h5".
    package let subject: String
    /// Why it failed, in the words of this module or of the HDF5 library.
    package let reason: String
    /// What the user can do about it.
    package let remedy: String
    /// The operating system's number of what went wrong, where the library quotes it.
    package let systemCode: Int32?

    /// An error whose description is a sentence of these parts.
    package init(attempted: String, subject: String, reason: String, remedy: String, systemCode: Int32? = nil) {
        self.attempted = attempted
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
        self.systemCode = systemCode
    }
}

/// What a call is about; errors on the way start with it.
struct Attempt {
    let attempted: String
    let subject: String

    /// An error of our own judgement.
    /// - Parameter systemCode: the operating system's number, where it is at the bottom of it.
    func failure(_ reason: String, remedy: String, systemCode: Int32? = nil) -> HDF5Error {
        HDF5Error(attempted: attempted, subject: subject, reason: reason, remedy: remedy, systemCode: systemCode)
    }

    /// An error in the words of the library, whose error stack is read and cleared.
    func libraryFailure() -> HDF5Error {
        let stack = ErrorStack.take()
        return failure(stack.diagnosis.reason, remedy: stack.diagnosis.remedy, systemCode: stack.systemCode)
    }

    /// Passes the result of a library call on; a negative one, the library's mark of failure, is thrown as an error.
    @discardableResult
    func check<Status: SignedInteger>(_ status: Status) throws(HDF5Error) -> Status {
        guard status >= 0 else { throw libraryFailure() }
        return status
    }
}
