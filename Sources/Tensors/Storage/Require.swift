/// Ends the program where a caller broke a kernel's contract.
///
/// `precondition` would not do: this module is compiled with `-Ounchecked`, where that is an assumption, not a check.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
