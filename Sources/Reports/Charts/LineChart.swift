/// Series over rounds, with marks on the axis.
package struct LineChart {
    /// A line with its name at its end.
    package struct Series {
        let name: String
        /// `a`, `b` or `c`: the line's color and dashes.
        let style: String
        let points: [(x: Double, y: Double)]

        /// A line.
        package init(name: String, style: String, points: [(x: Double, y: Double)]) {
            (self.name, self.style, self.points) = (name, style, points)
        }
    }

    let title: String
    let description: String
    let yLabel: String
    let series: [Series]
    /// Ranges that charts side by side share.
    let x: ClosedRange<Double>
    let y: ClosedRange<Double>
    /// Places on the x axis that are ticked.
    var marks: [Double] = []

    /// A chart over rounds.
    package init(
        title: String, description: String, yLabel: String, series: [Series], x: ClosedRange<Double>,
        y: ClosedRange<Double>, marks: [Double] = []
    ) {
        (self.title, self.description, self.yLabel) = (title, description, yLabel)
        (self.series, self.x, self.y, self.marks) = (series, x, y, marks)
    }

    /// The chart as an SVG element.
    package var svg: String {
        var axes = Axes(width: 320, height: 190, x: x, y: y)
        axes.right = series.contains { !$0.name.isEmpty } ? 56 : 12
        var content = axes.grid(xLabel: "round", yLabel: yLabel)
        for mark in marks {
            let place = Markup.place(axes.across(mark))
            let base = axes.height - axes.bottom
            content +=
                "<line class=\"mark\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(Markup.place(base))\" y2=\"\(Markup.place(base - 5))\"/>"
        }
        var taken: [Double] = []
        for line in series where !line.points.isEmpty {
            let points = line.points.filter { $0.y.isFinite }
                .map { "\(Markup.place(axes.across($0.x))),\(Markup.place(axes.down($0.y)))" }
            content += "<polyline class=\"\(line.style)\" points=\"\(points.joined(separator: " "))\"/>"
            if points.count < 12 {
                for point in line.points where point.y.isFinite {
                    content +=
                        "<circle class=\"dot \(line.style)\" cx=\"\(Markup.place(axes.across(point.x)))\" cy=\"\(Markup.place(axes.down(point.y)))\" r=\"2\"/>"
                }
            }
            guard let last = line.points.last(where: { $0.y.isFinite }), !line.name.isEmpty else { continue }
            // Names that would lie on each other move down.
            var place = axes.down(last.y) + 3.5
            while let other = taken.first(where: { abs($0 - place) < 11 }) { place = other + 11.5 }
            taken.append(place)
            content += axes.label(line.name, axes.across(last.x) + 4, place, "start", "name \(line.style)")
        }
        return axes.figure(title: title, description: description, content)
    }
}
