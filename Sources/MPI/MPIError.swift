internal import CMPI
import Errors

/// Why ranks could not exchange what they have.
package struct MPIError: ExplainedError, Equatable {
    /// What was attempted, as a verb: "broadcast", "sum onto the root".
    package let operation: String
    /// The rank that reports; nil before there are ranks.
    package let rank: Int?
    /// What the run was about, as set on the communicator: "center X, round 3". May be empty.
    package let context: String
    /// Why it failed, in the words of this module or of the MPI library.
    package let reason: String
    /// What the user can do about it.
    package let remedy: String

    /// An error of a call on a rank.
    package init(operation: String, rank: Int?, context: String, reason: String, remedy: String) {
        self.operation = operation
        self.rank = rank
        self.context = context
        self.reason = reason
        self.remedy = remedy
    }

    /// See `ExplainedError`.
    package var attempted: String { operation }
    /// See `ExplainedError`.
    package var subject: String {
        "with the other ranks" + (context.isEmpty ? "" : " (\(context))")
    }

    package var description: String {
        let place = rank.map { " on rank \($0)" } ?? ""
        let about = context.isEmpty ? "" : " (\(context))"
        return "cannot \(operation)\(place)\(about): \(reason); \(remedy)"
    }

    /// An error in the words of the library. The state of MPI is undefined after it: the job has to end.
    static func library(_ status: Int32, operation: String, rank: Int?, context: String) -> MPIError {
        var length: Int32 = 0
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CMPI_MAX_ERROR_STRING()) + 1) { text in
            text.initialize(repeating: 0)
            MPI_Error_string(status, text.baseAddress, &length)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
        return MPIError(
            operation: operation, rank: rank, context: context,
            reason: text.isEmpty ? "MPI reports error \(status)" : text,
            remedy: "end the job and start it again from its last checkpoint")
    }
}
