import HDF5
import Testing

/// The error that `body` throws; a failed expectation if it throws none.
func failure<Result: ~Copyable>(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Result
) -> HDF5Error {
    do {
        _ = try body()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch let error as HDF5Error {
        return error
    } catch {
        Issue.record("another error: \(error)", sourceLocation: sourceLocation)
    }
    return HDF5Error(attempted: "", subject: "", reason: "", remedy: "")
}
