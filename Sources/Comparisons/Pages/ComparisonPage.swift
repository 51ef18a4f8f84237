import Federation
import Foundation
import Reports

/// A comparison as one page, complete in itself: tables, curves, centers.
extension Comparison {
    /// The page.
    /// - Parameter title: such as the comparison's folder.
    package func html(title: String) -> String {
        let done = plan.runs.count - missing.count
        let body = """
            <header><h1>Comparison of \(rows.count) methods</h1><p>\(Markup.escape(title)), \(Markup.escape(Program.name)). \
            \(notes.map(Markup.escape).joined(separator: " "))</p></header><main>
            <ul class="facts"><li><b>\(rows.count)</b><span>methods</span></li>
            <li><b>\(done)</b><span>of \(plan.runs.count) trainings</span></li>
            <li><b>\(rows.first?.centers.count ?? 0)</b><span>centers</span></li></ul>
            <section><h2>Accuracy</h2>\(table("Best of a column in bold", accuracyColumns + contestColumns))</section>
            <section><h2>Centers</h2>\(centers)</section>
            \(curves)\(representation)
            <section><h2>Function, calibration, cost</h2>\(table("A megabyte has a million bytes", furtherColumns))</section>
            \(settings)</main>
            """
        return Markup.page(title: "Comparison: \(title)", body: body)
    }

    private func table(_ caption: String, _ columns: [Column]) -> String {
        var table = MarkupTable(caption: caption, columns: ["method"] + columns.map(\.title))
        let bests = columns.map(best)
        for (index, row) in rows.enumerated() {
            table.rows.append((row.variant, columns.map { $0.text(row) }))
            for column in columns.indices where bests[column].contains(row.variant) {
                table.strong.insert([index, column])
            }
        }
        return table.html
    }

    private var centers: String {
        let names = rows.first?.centers.map(\.name) ?? []
        var table = MarkupTable(
            caption: "Mean foreground Dice, best of a center in bold", columns: ["method"] + names)
        for (index, row) in rows.enumerated() {
            table.rows.append((row.variant, row.centers.map { Markup.number($0.dice?.mean, 3) }))
            for column in names.indices {
                let best = rows.compactMap { $0.centers[column].dice?.mean }.max()
                if let best, row.centers[column].dice?.mean == best { table.strong.insert([index, column]) }
            }
        }
        var text = table.html + "<div class=\"panels\">"
        for name in names {
            let values = rows.map { row in
                (name: row.variant, values: (outcomes[row.variant] ?? []).compactMap { $0.result.dice(of: name) })
            }
            text += Markup.panel(
                name,
                BoxPlot(
                    title: "Dice of \(name)", description: "a row for each of \(rows.count) methods", xLabel: "Dice",
                    rows: values, x: Axes.range(values.flatMap(\.values), to: 1)
                ).svg, isWide: true)
        }
        return text + "</div>"
    }

    /// The validation Dice of every variant beside the reference's.
    private var curves: String {
        func course(_ variant: String) -> [(x: Double, y: Double)] {
            let all = (outcomes[variant] ?? []).flatMap(\.result.validations)
            return Dictionary(grouping: all, by: \.round).sorted { $0.key < $1.key }.compactMap { round, found in
                Distribution(found.compactMap { Distribution($0.centers.values.sorted())?.mean }).map {
                    (Double(round), $0.mean)
                }
            }
        }
        let courses = rows.map { (name: $0.variant, points: course($0.variant)) }
        guard courses.contains(where: { !$0.points.isEmpty }) else { return "" }
        let last = courses.flatMap { $0.points.map(\.x) }.max() ?? 1
        let dashed = courses.first { $0.name == reference }?.points ?? []
        var text = """
            <section><h2>Validation Dice over rounds</h2><p>Means over centers and trainings; dashed: \
            \(Markup.escape(reference)).</p><div class="panels">
            """
        for course in courses {
            let isReference = course.name == reference
            let own = LineChart.Series(name: "", style: "a", points: course.points)
            let other = LineChart.Series(name: "", style: "b", points: dashed)
            text += Markup.panel(
                course.name,
                LineChart(
                    title: "Validation Dice of \(course.name)",
                    description: "at last \(Markup.number(course.points.last?.y, 3))", yLabel: "Dice",
                    series: isReference ? [own] : [other, own], x: 0...max(1, last), y: 0...1
                ).svg)
        }
        return text + "</div></section>\n"
    }

    /// How far each center is from the mean, and what the reference brings it.
    private var representation: String {
        guard let own = outcomes[reference], own.contains(where: { !$0.result.contrast.isEmpty }) else {
            return ""
        }
        let others = ["local", "fedavg"].filter { $0 != reference && outcomes[$0] != nil }
        var table = MarkupTable(
            caption: "Means over the trainings", columns: ["center", "divergence"] + others.map { "Dice over \($0)" })
        for center in rows.first?.centers.map(\.name) ?? [] {
            let distance = Distribution(own.compactMap { $0.result.contrast[center] })?.mean
            let gains = others.map { other -> Double? in
                Distribution(
                    own.compactMap { outcome -> Double? in
                        guard let pair = outcomes[other]?.first(where: { $0.run.isPaired(with: outcome.run) }),
                            let dice = outcome.result.dice(of: center), let others = pair.result.dice(of: center)
                        else { return nil }
                        return dice - others
                    })?.mean
            }
            table.rows.append((center, [Markup.number(distance, 4)] + gains.map { Markup.number($0, 3) }))
        }
        return """
            <section><h2>Representation bias</h2><p>The divergence of each center's representation from the server's in the last \
            round of \(Markup.escape(reference)), and what that method brings the center.</p>\(table.html)</section>

            """
    }

    private var settings: String {
        let first = plan.runs.first { $0.variant == plan.reference } ?? plan.runs.first
        return "<section><h2>Settings of \(Markup.escape(first?.variant ?? ""))</h2><pre>"
            + "\(Markup.escape(first?.configuration ?? ""))</pre></section>\n"
    }

    // MARK: Files

    /// The files that ``write(to:)`` makes.
    package static let fileNames = ["comparison.html", "comparison.csv", "comparison.json", "comparison.tex"]

    /// Writes the page, the tables for other programs, and the one for LaTeX into the comparison's folder.
    package func write(to folder: String) throws {
        let texts = [html(title: folder), csv, json.json + "\n", latex]
        for (name, text) in zip(Self.fileNames, texts) { try DurableFile.write(text.utf8, to: "\(folder)/\(name)") }
    }
}
