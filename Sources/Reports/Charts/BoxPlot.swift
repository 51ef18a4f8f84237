import Foundation

/// Distributions side by side, a row each: quartiles, median, whiskers to the last value within 1.5 interquartile ranges,
/// and every value as a point.
package struct BoxPlot {
    let title: String
    let description: String
    let xLabel: String
    let rows: [(name: String, values: [Double])]
    let x: ClosedRange<Double>

    /// A plot of rows, each a name with its values, over a range of values.
    package init(
        title: String, description: String, xLabel: String, rows: [(name: String, values: [Double])],
        x: ClosedRange<Double>
    ) {
        (self.title, self.description, self.xLabel) = (title, description, xLabel)
        (self.rows, self.x) = (rows, x)
    }

    /// The plot as an SVG element.
    package var svg: String {
        let rowHeight = 17.0
        var axes = Axes(
            width: 640, height: 44 + rowHeight * Double(rows.count), x: x, y: 0...Double(max(1, rows.count)))
        axes.left = 200
        var content = ""
        for tick in Axes.ticks(x, 6) {
            let place = Markup.place(axes.across(tick))
            content +=
                "<line class=\"grid\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(Markup.place(axes.top))\" y2=\"\(Markup.place(axes.height - axes.bottom))\"/>"
            content += axes.label(Axes.text(tick), axes.across(tick), axes.height - axes.bottom + 14, "middle")
        }
        content += axes.label(xLabel, (axes.left + axes.width - axes.right) / 2, axes.height - 4, "middle", "axis")
        for (index, row) in rows.enumerated() {
            let middle = axes.top + (Double(index) + 0.5) * rowHeight
            content += axes.label(row.name, axes.left - 8, middle + 3.5, "end")
            content += box(row.values.sorted(), axes, middle)
        }
        return axes.figure(title: title, description: description, content)
    }

    private func box(_ sorted: [Double], _ axes: Axes, _ middle: Double) -> String {
        guard !sorted.isEmpty else { return axes.label("none", axes.left + 4, middle + 3.5, "start", "axis") }
        let quartiles = [0.25, 0.5, 0.75].map { Self.quantile(sorted, $0) }
        let reach = 1.5 * (quartiles[2] - quartiles[0])
        let low = sorted.first { $0 >= quartiles[0] - reach } ?? quartiles[0]
        let high = sorted.last { $0 <= quartiles[2] + reach } ?? quartiles[2]
        func at(_ value: Double) -> String { Markup.place(axes.across(value)) }
        let center = Markup.place(middle)
        var content = "<line class=\"whisker\" x1=\"\(at(low))\" x2=\"\(at(high))\" y1=\"\(center)\" y2=\"\(center)\"/>"
        let boxWidth = Markup.place(max(1, axes.across(quartiles[2]) - axes.across(quartiles[0])))
        content +=
            "<rect class=\"box\" x=\"\(at(quartiles[0]))\" y=\"\(Markup.place(middle - 5))\" width=\"\(boxWidth)\" height=\"10\"/>"
        for value in sorted { content += "<circle class=\"case\" cx=\"\(at(value))\" cy=\"\(center)\" r=\"1.8\"/>" }
        content +=
            "<line class=\"median\" x1=\"\(at(quartiles[1]))\" x2=\"\(at(quartiles[1]))\" y1=\"\(Markup.place(middle - 6))\" y2=\"\(Markup.place(middle + 6))\"/>"
        return content
    }

    private static func quantile(_ sorted: [Double], _ fraction: Double) -> Double {
        let position = fraction * Double(sorted.count - 1)
        let index = Int(position)
        guard index + 1 < sorted.count else { return sorted[index] }
        return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
    }
}
