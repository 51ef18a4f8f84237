import MPI

/// One behaviour of several ranks: all of them run `body`, in step.
struct RankCheck {
    let behaviour: String
    let body: (Communicator) throws -> Void
}

/// States a behaviour. The name reads as a sentence; `body` calls the collectives and ``expect(_:_:sourceLine:)``.
///
/// Expectations that differ between ranks are fine; collectives must be called by all. A check leaves the
/// communicator's settings as it pleases, they are reset.
func check(_ behaviour: String, _ body: @escaping (Communicator) throws -> Void) -> RankCheck {
    RankCheck(behaviour: behaviour, body: body)
}

/// Notes a failure of the check that runs; the check goes on, so that the ranks stay in step.
func expect(
    _ condition: @autoclosure () throws -> Bool, _ detail: @autoclosure () -> String = "", file: String = #fileID,
    line: Int = #line
) rethrows {
    if try !condition() { failures.append("\(file):\(line) \(detail())") }
}

/// Expects an error of MPI and returns it.
func expectError(file: String = #fileID, line: Int = #line, _ body: () throws -> Void) -> MPIError? {
    do {
        try body()
        failures.append("\(file):\(line) no error")
    } catch let error as MPIError {
        return error
    } catch {
        failures.append("\(file):\(line) another error: \(error)")
    }
    return nil
}

/// Failures of the check that runs, on this rank. Checks run one by one on the main thread.
private nonisolated(unsafe) var failures: [String] = []

/// Runs checks on all ranks and reports on rank 0, in the end `N passed, N failed`.
/// - Returns: whether all passed on all ranks; the same on all.
func run(_ checks: [RankCheck], on communicator: Communicator) throws -> Bool {
    var failed = 0
    for check in checks {
        failures = []
        communicator.context = check.behaviour
        communicator.resetAccounting()
        do {
            try check.body(communicator)
        } catch {
            // The other ranks may be in the middle of a collective, where nothing can be said to them.
            print("FAILED on rank \(communicator.rank): \(check.behaviour): \(error)")
            communicator.abort(status: 1)
        }
        communicator.maximumChunk = Communicator.standardChunk
        let report = try communicator.gatherBytes(Array(failures.joined(separator: "\n").utf8))
        for (rank, bytes) in (report ?? []).enumerated() where !bytes.isEmpty {
            print("FAILED on rank \(rank): \(check.behaviour)\n\(String(decoding: bytes, as: UTF8.self))")
        }
        if try communicator.allReduce(Int64(failures.isEmpty ? 0 : 1), .maximum) > 0 { failed += 1 }
    }
    if communicator.rank == 0 { print("\(checks.count - failed) passed, \(failed) failed") }
    return failed == 0
}
