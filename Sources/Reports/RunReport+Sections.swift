import CardiacMR
import Federation
import Foundation

/// The page's sections, in their order; empty where there is nothing to show.
extension RunReport {
    var learning: String {
        let centers = history.centers.keys.sorted()
        guard !centers.isEmpty else { return "" }
        let x = Axes.range([], from: 0, to: Double(max(1, history.lastRound)))
        let shown = terms.compactMap { term in term.shown.map { (term: term.name, name: $0) } }
        let losses = history.centers.values.flatMap { $0.rounds.flatMap { row in shown.map { row.losses[$0.term] } } }
        let y = Axes.range(losses.compactMap { $0 }, from: 0)
        let names = shown.map { $0.name == $0.term ? $0.name : "\($0.name) (\($0.term))" }.joined(separator: ", ")
        var text = """
            <section><h2>Learning</h2><p>\(Markup.escape(method.summary)) Mean losses of a round's steps: \
            \(Markup.escape(names)). Green ticks mark the rounds at whose start a center took over what the server had sent: a \
            curve that goes on smoothly across them has not lost its own optimization.</p><div class="panels">

            """
        for name in centers {
            guard let course = history.centers[name] else { continue }
            func points(_ term: String) -> [(Double, Double)] {
                course.rounds.compactMap { row in row.losses[term].map { (Double(row.round), $0) } }
            }
            let last = shown.first.flatMap { course.rounds.last?.losses[$0.term] }
            text += Markup.panel(
                name,
                LineChart(
                    title: "Losses of \(name)",
                    description: "\(course.rounds.count) rounds, the last loss is \(Markup.number(last, 3))",
                    yLabel: "loss",
                    series: zip(shown, ["a", "b", "c"]).map {
                        .init(name: $0.name, style: $1, points: points($0.term))
                    }, x: x, y: y, marks: course.rounds.map { Double($0.round) - 1 }
                ).svg)
        }
        text += "</div>"
        let evaluated = centers.filter { !(history.centers[$0]?.dice.isEmpty ?? true) }
        guard !evaluated.isEmpty else { return text + "</section>\n" }
        text += "<h3>Dice during training, \(history.split.rawValue) cases</h3><div class=\"panels\">"
        for name in evaluated {
            let points = history.centers[name]?.dice.map { (Double($0.round), $0.value) } ?? []
            text += Markup.panel(
                name,
                LineChart(
                    title: "Dice of \(name)",
                    description: "mean foreground Dice, at last \(Markup.number(points.last?.1, 3))", yLabel: "Dice",
                    series: [.init(name: "", style: "c", points: points)], x: x, y: 0...1
                ).svg)
        }
        return text + "</div></section>\n"
    }

    var representation: String {
        let names = history.centers.keys.sorted()
        let values = history.centers.values.flatMap { $0.rounds.compactMap { $0.losses["contrast"] } }
        guard !values.isEmpty else { return "" }
        let x = Axes.range([], from: 0, to: Double(max(1, history.lastRound)))
        let y = Axes.range(values, from: 0)
        var text = """
            <section><h2>Representation bias</h2><p>The contrastive difference metric between the server's and the center's \
            representation: the symmetric Kullback–Leibler divergence of both bottlenecks. A center that stays high is far from \
            what the others share.</p><div class="panels">
            """
        for name in names {
            let points = (history.centers[name]?.rounds ?? []).compactMap { row in
                row.losses["contrast"].map { (Double(row.round), $0) }
            }
            text += Markup.panel(
                name,
                LineChart(
                    title: "Contrast of \(name)", description: "at last \(Markup.number(points.last?.1, 4))",
                    yLabel: "divergence", series: [.init(name: "", style: "b", points: points)], x: x, y: y
                ).svg)
        }
        return text + "</div></section>\n"
    }

    var accuracy: String {
        var table = MarkupTable(
            caption: "Mean ± standard deviation over the cases, median",
            columns: [
                "center, class", "cases", "Dice", "median", "HD95, mm", "median", "ASSD, mm", "median", "missed",
                "absent",
            ])
        var dice: [(String, [Double])] = []
        var hausdorff: [(String, [Double])] = []
        var surface: [(String, [Double])] = []
        for score in scores {
            for (index, summary) in score.classSummaries.enumerated() {
                let name = "\(score.center) \(summary.name)"
                table.rows.append(
                    (
                        name,
                        [String(score.cases.count)] + cells(summary.dice, 3) + cells(summary.hausdorff95, 1)
                            + cells(summary.averageSurfaceDistance, 2) + [
                                String(summary.missed), String(summary.absent),
                            ]
                    ))
                dice.append((name, score.cases.compactMap { $0.dice[index] }))
                hausdorff.append((name, score.cases.compactMap { $0.measures[index].hausdorff95 }))
                surface.append((name, score.cases.compactMap { $0.measures[index].averageSurfaceDistance }))
            }
        }
        var text = """
            <section><h2>Accuracy</h2><p>Where neither prediction nor truth has the class (absent), Dice \(access.configuration.evaluateAbsent == .one ? "counts as 1" : "says nothing and is left out"); \
            where one has it (missed) it is 0. Neither has a distance. HD95 is the larger of the two directed 95th percentiles of surface distances, ASSD the \
            mean of the two directed means.</p>\(table.html)
            """
        for (title, label, rows, x) in [
            ("Dice", "Dice", dice, 0.0...1.0),
            ("HD95", "mm", hausdorff, Axes.range(hausdorff.flatMap(\.1), from: 0)),
            ("ASSD", "mm", surface, Axes.range(surface.flatMap(\.1), from: 0)),
        ] {
            text += Markup.panel(
                title,
                BoxPlot(
                    title: "\(title) of every case", description: "a row for each of \(rows.count) classes",
                    xLabel: label,
                    rows: rows.map { (name: $0.0, values: $0.1) }, x: x
                ).svg, isWide: true)
        }
        return text + "</section>\n"
    }

    var function: String {
        var quantities: [(name: String, unit: String, pairs: [(prediction: Double, truth: Double)])] = []
        var table = MarkupTable(
            caption: "Prediction − truth", columns: ["center, quantity", "unit", "n", "bias", "limits", "correlation"])
        for score in scores {
            for quantity in score.functionQuantities {
                guard let agreement = quantity.agreement else { continue }
                table.rows.append(
                    (
                        "\(score.center) \(quantity.name)",
                        [
                            quantity.unit, String(agreement.count), Markup.number(agreement.bias, 1),
                            agreement.limits.map { "± " + Markup.number($0, 1) } ?? "–",
                            Markup.number(agreement.correlation, 2),
                        ]
                    ))
                let pairs = quantity.pairs.map { (prediction: $0.prediction, truth: $0.truth) }
                if let index = quantities.firstIndex(where: { $0.name == quantity.name }) {
                    quantities[index].pairs += pairs
                } else {
                    quantities.append((quantity.name, quantity.unit, pairs))
                }
            }
        }
        guard !quantities.isEmpty else { return "" }
        var text = """
            <section><h2>Heart function</h2><p>Bland–Altman plots over the subjects of all centers: the difference of prediction and \
            truth over their mean, with the bias and the limits of agreement (± 1.96 standard deviations).</p><div class="panels">
            """
        for quantity in quantities {
            text += Markup.panel(
                quantity.name,
                BlandAltmanPlot(quantity: quantity.name, unit: quantity.unit, pairs: quantity.pairs).svg)
        }
        return text + "</div>\(table.html)</section>\n"
    }

    var pictures: String {
        guard overlays.contains(where: { !$0.pictures.isEmpty }) else { return "" }
        var text = """
            <section><h2>Cases</h2><p>Each center's best, median and worst case by mean foreground Dice, at the slice with the largest \
            heart: truth<span class="key"></span>prediction<span class="key p"></span></p><div class="panels">
            """
        for (center, pictures) in overlays where !pictures.isEmpty {
            text += Markup.panel(center, "<div class=\"overlays\">" + pictures.map(\.html).joined() + "</div>")
        }
        return text + "</div></section>\n"
    }

    var phases: String {
        guard !history.phases.isEmpty else { return "" }
        let table = TextTable.phases(ranks: history.phases)
        var markup = MarkupTable(
            caption: "Over \(history.phases.count) ranks", columns: table.columns.map(\.title))
        for row in table.rows { markup.rows.append((row[0], Array(row.dropFirst()))) }
        return "<section><h2>Time by phase</h2>\(markup.html)</section>\n"
    }

    var configuration: String {
        let yaml = (try? String(contentsOfFile: access.folder.configuration, encoding: .utf8)) ?? ""
        return "<section><h2>Configuration</h2><pre>\(Markup.escape(yaml))</pre></section>\n"
    }

    private func cells(_ distribution: Distribution?, _ digits: Int) -> [String] {
        guard let distribution else { return ["–", "–"] }
        let deviation = distribution.deviation.map { " ± " + Markup.number($0, digits) } ?? ""
        return [Markup.number(distribution.mean, digits) + deviation, Markup.number(distribution.median, digits)]
    }
}
