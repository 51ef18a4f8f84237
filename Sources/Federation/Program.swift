/// The program, as files and logs name it.
package enum Program {
    /// Semantic version.
    package static let version = "0.1.0"
}
