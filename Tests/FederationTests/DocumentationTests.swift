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

    /// What protocols declare, and document there: names, and the parameters of initializers.
    private static let requirements: Set = [
        "description", "==", "<", "attributeDescription", "pluralDescription", "attribute", "elements", "kind",
        "stored",
        "about", "exchanges", "width", "heads", "networkParameters", "remotePart", "terms", "variables", "operations",
        "module", "step", "predict", "trace", "begin", "finish", "answer", "memory", "apply",
    ]
    private static let initializers = [
        "Literal", "init?(_ stored", "init?(attribute", "_ settings: TrainingSettings, heads: [Int], population",
    ]

    private static func isRequired(_ declaration: String) -> Bool {
        if initializers.contains(where: declaration.contains) { return true }
        let name = declaration.firstMatch(of: /(?:func|var|let) (?<name>[^ (:<]+|[<=]+)/)?.output.name
        return name.map { requirements.contains(String($0)) } ?? false
    }

    @Test("every declaration that other targets see says what it is")
    func comments() throws {
        let sources = Self.root.appending(path: "Sources")
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") && !$0.hasSuffix(".pb.swift") }
        #expect(files.count > 100)
        var missing: [String] = []
        for file in files {
            let lines = try Self.document("Sources/" + file).split(separator: "\n", omittingEmptySubsequences: false)
            for (number, line) in lines.enumerated() {
                let text = line.drop { $0 == " " }
                guard text.hasPrefix("package ") || text.hasPrefix("public "), !text.contains("extension ") else {
                    continue
                }
                let before = lines[..<number].last { !$0.drop { $0 == " " }.hasPrefix("@") } ?? ""
                // A long list of parameters names what it is of below.
                let declaration = lines[number...].prefix(3).joined(separator: " ")
                if !before.drop(while: { $0 == " " }).hasPrefix("///"), !Self.isRequired(declaration) {
                    missing.append("\(file):\(number + 1): \(text)")
                }
            }
        }
        #expect(missing.isEmpty, "declarations without a comment:\n\(missing.joined(separator: "\n"))")
    }
}
