import Foundation

/// Text for HTML and SVG.
package enum Markup {
    /// A text with the characters that markup takes for itself replaced.
    package static func escape(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }

    /// A number with so many digits after the point; "–" where there is none.
    package static func number(_ value: Double?, _ digits: Int) -> String {
        guard let value, value.isFinite else { return "–" }
        return String(format: "%.\(digits)f", value).replacingOccurrences(of: "-", with: "−")
    }

    /// A whole page, complete in itself: no other file and no network.
    /// - Parameters:
    ///   - title: in the browser's bar.
    ///   - body: what it shows.
    ///   - reload: seconds after which a browser reads it again; nil: never.
    package static func page(title: String, body: String, reload: Int? = nil) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        \(reload.map { "<meta http-equiv=\"refresh\" content=\"\($0)\">" } ?? "")<link rel="icon" href="data:,"><title>\(escape(title))</title>
        <style>\(Style.css)</style></head><body>
        \(body)</body></html>

        """
    }

    /// A figure or a group of pictures with a title.
    package static func panel(_ title: String, _ content: String, isWide: Bool = false) -> String {
        "<div class=\"panel\(isWide ? " wide" : "")\"><h3>\(escape(title))</h3>\(content)</div>\n"
    }

    /// A coordinate.
    static func place(_ value: Double) -> String { String(format: "%.1f", value) }
}

/// A table with headings for rows and columns.
package struct MarkupTable {
    let caption: String
    let columns: [String]
    /// Each row's heading, then its cells.
    package var rows: [(heading: String, cells: [String])] = []
    /// The cells that are set in bold, by row and column of cells.
    package var strong: Set<[Int]> = []

    /// A table without rows.
    /// - Parameter columns: their headings, that of the rows' headings first.
    package init(caption: String, columns: [String]) {
        self.caption = caption
        self.columns = columns
    }

    /// The table as HTML.
    package var html: String {
        var text = "<div class=\"table\"><table><caption>\(Markup.escape(caption))</caption><thead><tr>"
        for (index, column) in columns.enumerated() {
            text += "<th scope=\"col\"\(index == 0 ? " class=\"name\"" : "")>\(Markup.escape(column))</th>"
        }
        text += "</tr></thead><tbody>"
        for (index, row) in rows.enumerated() {
            text += "<tr><th scope=\"row\" class=\"name\">\(Markup.escape(row.heading))</th>"
            for (column, cell) in row.cells.enumerated() {
                let content = Markup.escape(cell)
                text += "<td>\(strong.contains([index, column]) ? "<strong>\(content)</strong>" : content)</td>"
            }
            text += "</tr>"
        }
        return text + "</tbody></table></div>\n"
    }
}
