import Files
import Foundation

/// A table of text with named columns: fields apart by commas, semicolons or tabs, quoted ones, any line ends, any of the
/// usual encodings, with or without the line `sep=;` that some spreadsheets put first.
struct Table {
    /// How names of such files end, in lower case.
    static let endings = [".csv", ".tsv", ".txt"]

    /// Rows by column name, trimmed. A row that is too short has empty fields.
    private(set) var rows: [[String: String]] = []
    /// Column names in lower case.
    private let columns: [String]
    private let path: String

    /// Reads a file.
    init(path: String) throws(CardiacMRError) {
        _ = try FileStatus.size(ofFile: path)
        let content: String
        do { content = try TextFile.read(path) } catch {
            throw .reading(path, "it cannot be read", "check the file's permissions")
        }
        self.path = path
        var text = Substring(content)
        func isEnd(_ character: Character) -> Bool { ["\n", "\r\n", "\r"].contains(character) }
        func firstLine() -> Substring { text.prefix { !isEnd($0) } }
        var stated: Character?
        if firstLine().lowercased().hasPrefix("sep=") {
            stated = firstLine().dropFirst(4).first
            text = text.dropFirst(firstLine().count).drop(while: isEnd)
        }
        let header = firstLine()
        let separator: Character =
            stated
            ?? [",", ";", "\t"].max { a, b in header.count(where: { $0 == a }) < header.count(where: { $0 == b }) }
            ?? ","
        var lines = Self.split(text, separator)
        guard !lines.isEmpty else { throw .reading(path, "it is empty", "give the data set's table") }
        columns = lines.removeFirst().map { $0.lowercased() }
        rows = lines.filter { $0 != [""] }.map { line in
            var row: [String: String] = [:]
            for (index, column) in columns.enumerated() {
                row[column] = index < line.count ? line[index] : ""
            }
            return row
        }
    }

    /// The name, as rows have it, of the first of these columns that is there, whatever its case.
    func column(_ names: String...) throws(CardiacMRError) -> String {
        for name in names where columns.contains(name.lowercased()) { return name.lowercased() }
        throw .reading(
            path, "it has no column \"\(names[0])\"; it has \(columns.filter { !$0.isEmpty }.joined(separator: ", "))",
            "give the table that comes with the data set")
    }

    /// Whether there is such a column.
    func has(_ name: String) -> Bool { columns.contains(name.lowercased()) }

    /// A field as a whole number; spreadsheets turn these to "12.0".
    static func wholeNumber(_ field: String) -> Int? { Int(field) ?? Double(field).flatMap { Int(exactly: $0) } }

    private static func split(_ text: Substring, _ separator: Character) -> [[String]] {
        var lines: [[String]] = []
        var line: [String] = []
        var field = ""
        var isQuoted = false
        func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespaces) }
        var characters = text.makeIterator()
        var next = characters.next()
        while let character = next {
            next = characters.next()
            switch character {
            case "\"" where isQuoted && next == "\"":
                field.append("\"")
                next = characters.next()
            case "\"": isQuoted.toggle()
            case separator where !isQuoted:
                line.append(trimmed(field))
                field = ""
            case "\n" where !isQuoted, "\r\n" where !isQuoted, "\r" where !isQuoted:
                lines.append(line + [trimmed(field)])
                (line, field) = ([], "")
            default: field.append(character)
            }
        }
        if !field.isEmpty || !line.isEmpty { lines.append(line + [trimmed(field)]) }
        return lines
    }
}
