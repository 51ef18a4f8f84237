/// A table of text with aligned columns.
package struct TextTable: Sendable, Equatable {
    /// Which side of its column a cell stands at.
    package enum Alignment: Sendable {
        case left
        case right
    }

    /// How the lines of a table are drawn.
    package enum Style: Sendable, CaseIterable {
        /// Box-drawing characters.
        case unicode
        /// ASCII only: columns two spaces apart, dashes below the title.
        case plain
    }

    /// A column: its title, and where its cells stand.
    package struct Column: Sendable, Equatable {
        /// Its heading.
        package var title: String
        /// Where its cells stand.
        package var alignment: Alignment

        /// A column; numbers stand at the right.
        package init(_ title: String, _ alignment: Alignment = .right) {
            self.title = title
            self.alignment = alignment
        }
    }

    /// From left to right.
    package let columns: [Column]
    /// Cells of each row, from the top.
    package private(set) var rows: [[String]] = []
    /// Indices of the rows that a line is drawn above.
    package private(set) var separators: Set<Int> = []

    /// A table without rows.
    package init(columns: [Column]) { self.columns = columns }

    /// Appends a row of as many cells as there are columns.
    package mutating func append(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row of a table has one cell for each column")
        rows.append(cells)
    }

    /// Draws a line before the row that is appended next.
    package mutating func separate() { separators.insert(rows.count) }

    /// The table's lines, each ending in a newline.
    package func rendered(_ style: Style) -> String {
        let widths = columns.indices.map { column in
            ([columns[column].title] + rows.map { $0[column] }).map(Self.displayWidth).max() ?? 0
        }
        func line(_ cells: [String], _ strokes: Strokes) -> String {
            let padded = zip(zip(cells, widths), columns).map { Self.pad($0.0, to: $0.1, $1.alignment) }
            let text = strokes.left + padded.joined(separator: strokes.middle) + strokes.right
            return style == .plain ? String(text.reversed().drop { $0 == " " }.reversed()) : text
        }
        func rule(_ strokes: Strokes) -> String {
            strokes.left + widths.map { String(repeating: strokes.fill, count: $0) }.joined(separator: strokes.middle)
                + strokes.right
        }

        var lines: [String] = []
        let cells = style == .unicode ? Strokes("│ ", " │ ", " │") : Strokes("", "  ", "")
        let inner = style == .unicode ? Strokes("├─", "─┼─", "─┤", "─") : Strokes("", "  ", "", "-")
        if style == .unicode { lines.append(rule(Strokes("┌─", "─┬─", "─┐", "─"))) }
        lines += [line(columns.map(\.title), cells), rule(inner)]
        for (index, row) in rows.enumerated() {
            if index > 0, separators.contains(index) { lines.append(rule(inner)) }
            lines.append(line(row, cells))
        }
        if style == .unicode { lines.append(rule(Strokes("└─", "─┴─", "─┘", "─"))) }
        return lines.map { $0 + "\n" }.joined()
    }

    private struct Strokes {
        var left, middle, right, fill: String

        init(_ left: String, _ middle: String, _ right: String, _ fill: String = " ") {
            (self.left, self.middle, self.right, self.fill) = (left, middle, right, fill)
        }
    }

    private static func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
        let space = String(repeating: " ", count: max(0, width - displayWidth(text)))
        switch alignment {
        case .left: return text + space
        case .right: return space + text
        }
    }

    /// Columns that a text takes on a terminal: East Asian wide characters and emoji take two.
    package static func displayWidth(_ text: String) -> Int {
        text.reduce(0) { width, character in
            guard let scalar = character.unicodeScalars.first else { return width }
            return width + (wide.contains { $0.contains(scalar.value) } ? 2 : 1)
        }
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
