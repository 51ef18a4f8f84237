import Foundation

/// A table of text with named columns: CSV with commas or semicolons, quoted fields, any line ends, a byte order mark.
struct Table {
    /// Rows by column name, trimmed. A row that is too short has empty fields.
    private(set) var rows: [[String: String]] = []
    /// Column names in lower case.
    private let columns: [String]
    private let path: String

    /// Reads a file; text that is not UTF-8 is taken for Latin-1.
    init(path: String) throws(CardiacMRError) {
        _ = try FileStatus.size(ofFile: path)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .reading(path, "it cannot be read", "check the file's permissions")
        }
        var text = String(data: data, encoding: .utf8) ?? String(decoding: data.map { UInt16($0) }, as: UTF16.self)
        if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
        let header = text.prefix { $0 != "\n" && $0 != "\r\n" && $0 != "\r" }
        let separator: Character = header.count(where: { $0 == ";" }) > header.count(where: { $0 == "," }) ? ";" : ","
        var lines = Self.split(text, separator)
        guard !lines.isEmpty else { throw .reading(path, "it is empty", "give the data set's table") }
        self.path = path
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

    private static func split(_ text: String, _ separator: Character) -> [[String]] {
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
