// Behaviour that one process cannot show. Run by `mpirun -n N RankChecks` at any number of ranks; the last line of
// rank 0 is `N passed, N failed`, the exit status of all ranks says the same.
//
// A concern has its file, with a function that returns its checks; add it to the list below. With arguments, only checks
// whose behaviour contains one of them run.

import MPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

// Ranks that wait for each other forever are a failure, too.
alarm(600)

/// Runs what the arguments ask for; whether all passed.
func runChecks() throws -> Bool {
    let environment = try MPIEnvironment()
    let words = CommandLine.arguments.dropFirst()
    if words.first == "--misbehave", let what = words.last.flatMap(Misbehaviour.init(rawValue:)) {
        what.run(on: environment.world)
    }
    let checks = [
        collectiveChecks(), pieceChecks(), chunkChecks(), accountingChecks(), federationAggregationChecks(),
        federationRelocalizationChecks(), mailChecks(), linkChecks(),
    ].flatMap { $0 }
        .filter { check in words.isEmpty || words.contains { check.behaviour.contains($0) } }
    let passed = try run(checks, on: environment.world)
    try environment.finalize()
    return passed
}

do {
    exit(try runChecks() ? 0 : 1)
} catch {
    print("FAILED: \(error)")
    exit(1)
}
