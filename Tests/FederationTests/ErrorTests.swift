import CardiacMR
import Errors
import Federation
import HDF5
import MPI
import Testing

@Suite("Errors of all targets have one shape")
struct ErrorTests {
    static let errors: [any ExplainedError] = [
        HDF5Error(attempted: "read", subject: "a.h5", reason: "it is cut", remedy: "take another"),
        CardiacMRError(attempted: "read", subject: "a.nii", reason: "it is cut", remedy: "take another"),
        MPIError(operation: "broadcast", rank: 2, context: "round 3", reason: "it is lost", remedy: "start again"),
        FederationError(attempted: "read", subject: "a", reason: "it is cut", remedy: "take another"),
    ]

    @Test("another target's error keeps its words, and is the cause", arguments: errors.indices)
    func words(_ index: Int) {
        let error = Self.errors[index]
        let described = FederationError(describing: error, kind: .configuration)
        #expect(described.attempted == error.attempted)
        #expect(described.reason == error.reason)
        #expect(described.remedy == error.remedy)
        guard !(error is FederationError) else {
            #expect(described == error as? FederationError, "its own stays what it is")
            return
        }
        #expect(described.exitStatus == 2)
        #expect(described.cause.map { "\($0)" } == error.description)
    }

    @Test("what a library throws has a message that helps")
    func foreign() {
        struct Foreign: Error, CustomStringConvertible { let description = "the disk is on fire" }
        let described = FederationError(describing: Foreign())
        #expect(described.description.contains("the disk is on fire"))
        #expect(described.exitStatus == 1)
        #expect(described.cause is Foreign)
    }
}
