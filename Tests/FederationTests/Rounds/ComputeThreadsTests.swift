import Federation
import MPI
import Tensors
import Testing

/// Threads and MPI belong to the process, so each test runs in one of its own.
@Suite("Compute threads of a rank")
struct ComputeThreadsTests {
    @Test("are as many as configured, or all cores of a process that is alone")
    func configure() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let environment = try MPIEnvironment()
            let rank = RankContext(environment.world)
            try ComputeThreads.configure(3, rank)
            #expect(Parallel.shared.threads == 3)
            try ComputeThreads.configure(0, rank)
            #expect(Parallel.shared.threads == ComputeThreads.available)
            #expect(ComputeThreads.available >= 1)
        }
    }
}
