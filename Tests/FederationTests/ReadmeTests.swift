import Federation
import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
    /// The document beside the package.
    private static func readme() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    }

    @Test("its table of settings is the program's")
    func settings() throws {
        #expect(
            try Self.readme().contains(Configuration.markdownTable),
            "put this in place of the table:\n\(Configuration.markdownTable)")
    }
}
