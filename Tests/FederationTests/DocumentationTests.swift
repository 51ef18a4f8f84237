import Federation
import Foundation
import Methods
import Testing

/// What documents say of the program that the program can say itself.
@Suite("Documentation")
struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func document(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test(
        "tables are the program's",
        arguments: [
            ("Sources/Federation/Federation.docc/Configuration.md", Configuration.markdownTable),
            ("Sources/Methods/Methods.docc/Methods.md", MethodRegistry.markdownTable),
        ])
    func tables(_ path: String, _ table: String) throws {
        #expect(try Self.document(path).contains(table), "put this in place of the table in \(path):\n\(table)")
    }

    @Test("the README names every method")
    func methods() throws {
        let text = try Self.document("README.md")
        for method in Configuration.Method.allCases {
            #expect(text.contains("\n| `\(method.rawValue)` | "), "\(method.rawValue)")
        }
    }

    @Test("links of the README lead to files")
    func links() throws {
        let text = try Self.document("README.md")
        let paths = text.matches(of: /\]\((?<path>[^)#]+)\)/).map { String($0.output.path) }
        #expect(paths.count > 10)
        for path in paths where !path.hasPrefix("http") {
            #expect(FileManager.default.fileExists(atPath: Self.root.appending(path: path).path), "\(path)")
        }
    }
}
