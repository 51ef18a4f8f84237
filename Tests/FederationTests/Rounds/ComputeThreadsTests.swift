import Federation
import MPI
import Tensors
import TestSupport
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
            holds(Parallel.shared.threads, equals: 3)
            try ComputeThreads.configure(0, rank)
            holds(Parallel.shared.threads, equals: ComputeThreads.available)
            holds(ComputeThreads.available >= 1)
        }
    }
}
