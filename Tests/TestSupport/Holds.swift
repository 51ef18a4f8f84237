import Testing

/// Records an issue that says where, unless a condition holds: for the bodies of exit tests, of whose `#expect` the report
/// tells the test's own line and nothing else.
/// - Parameter detail: what was found.
package func holds(
    _ condition: @autoclosure () throws -> Bool, _ detail: @autoclosure () -> String = "", file: StaticString = #fileID,
    line: Int = #line
) rethrows {
    guard try !condition() else { return }
    let found = detail()
    Issue.record("\(file):\(line) does not hold\(found.isEmpty ? "" : ": \(found)")")
}

/// The same of two values that are to be equal, with both.
package func holds<Value: Equatable>(
    _ found: @autoclosure () throws -> Value, equals wanted: @autoclosure () throws -> Value,
    file: StaticString = #fileID, line: Int = #line
) rethrows {
    let (one, other) = (try found(), try wanted())
    if one != other { Issue.record("\(file):\(line): \(one) instead of \(other)") }
}
