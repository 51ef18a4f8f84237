/// The program, as files and logs name it.
package enum Program {
    /// Semantic version.
    package static let version = "0.2.0"
    /// Name and version, as files say who wrote them.
    package static let name = "fedcrld \(version)"
}
