import CardiacMR
import FedCRLD
import Federation
import Foundation

/// A run as one page: what it learnt, how well it segments, where its time went.
package struct RunReport {
    private let history: RunHistory
    private let scores: [CenterScore]
    private let overlays: [(center: String, pictures: [Overlay])]
    private let access: RunAccess
    private let split: Split

    /// Reads a run's history, and evaluates a checkpoint of it.
    /// - Parameters:
    ///   - access: the run at a round.
    ///   - cohorts: the centers' data.
    ///   - split: the cases to measure.
    ///   - warn: told what is odd about a file.
    package init(
        _ access: RunAccess, cohorts: [Cohort], split: Split, warn: @escaping (String) -> Void
    ) throws {
        self.access = access
        self.split = split
        history = try RunHistory(access.folder)
        let data = try CenterData(access.configuration, capacity: 1, warn: warn)
        let evaluation = Evaluation(data)
        var scores: [CenterScore] = []
        var overlays: [(String, [Overlay])] = []
        for cohort in cohorts {
            let state = try access.state(of: cohort.center)
            let relocalization = access.relocalization(of: state)
            let score = try evaluation.score(
                cohort, split: split, state: state, relocalization: relocalization, measuring: true)
            scores.append(score)
            let pictures = try Self.extremes(score).map { kind, item in
                try Self.overlay(kind, item, cohort, data, state, relocalization)
            }
            overlays.append((cohort.center, pictures))
        }
        self.scores = scores
        self.overlays = overlays
    }

    /// The page, complete in itself: no other file and no network.
    package var html: String {
        let round = access.manifest.round
        let mean = meanDice(scores)
        let cases = scores.reduce(0) { $0 + $1.cases.count }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <link rel="icon" href="data:,"><title>FedCRLD: \(Markup.escape(access.folder.path))</title>
            <style>\(Style.css)</style></head><body>
            <header><h1>Federated training of \(scores.count) centers</h1>
            <p>\(Markup.escape(access.folder.path)), checkpoint of round \(round), \(Markup.escape(access.manifest.program)). \
            Measured on the \(split.rawValue) split, on the images' own grids.</p></header><main>
            <ul class="facts"><li><b>\(Markup.number(mean, 3))</b><span>mean foreground Dice</span></li>
            <li><b>\(scores.count)</b><span>centers</span></li><li><b>\(cases)</b><span>cases</span></li>
            <li><b>\(history.lastRound)</b><span>rounds</span></li>
            <li><b>\(Markup.number(history.seconds / 60, 1))</b><span>minutes of rounds</span></li></ul>
            \(learning)\(representation)\(accuracy)\(function)\(pictures)\(phases)\(configuration)</main></body></html>

            """
    }

    /// Writes the page.
    package func write(to path: String) throws(ReportsError) {
        do { try Data(html.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw ReportsError(
                attempted: "write", subject: path, reason: error.localizedDescription,
                remedy: "check the folder's permissions and the disk's free space")
        }
    }

    // MARK: Sections

    private var learning: String {
        let names = history.centers.keys.sorted()
        guard !names.isEmpty else { return "" }
        let x = Axes.range([], from: 0, to: Double(max(1, history.lastRound)))
        let losses = history.centers.values.flatMap { $0.rounds.flatMap { [$0.losses["total"], $0.losses["bank"]] } }
        let y = Axes.range(losses.compactMap { $0 }, from: 0)
        var text = """
            <section><h2>Learning</h2><p>Mean losses of a round's steps: the network's weighted sum, and the self-training of its \
            momentum bank. Green ticks mark the rounds at whose start the server's encoder replaced the center's global encoder: a \
            curve that goes on smoothly across them has not lost its own optimization.</p><div class="panels">

            """
        for name in names {
            guard let course = history.centers[name] else { continue }
            func points(_ term: String) -> [(Double, Double)] {
                course.rounds.compactMap { row in row.losses[term].map { (Double(row.round), $0) } }
            }
            let last = course.rounds.last?.losses["total"]
            text += panel(
                name,
                LineChart(
                    title: "Losses of \(name)",
                    description: "\(course.rounds.count) rounds, the last network loss is \(Markup.number(last, 3))",
                    yLabel: "loss",
                    series: [
                        .init(name: "network", style: "a", points: points("total")),
                        .init(name: "bank", style: "b", points: points("bank")),
                    ], x: x, y: y, marks: course.rounds.map { Double($0.round) - 1 }
                ).svg)
        }
        text += "</div>"
        let evaluated = names.filter { !(history.centers[$0]?.dice.isEmpty ?? true) }
        guard !evaluated.isEmpty else { return text + "</section>\n" }
        text += "<h3>Dice during training</h3><div class=\"panels\">"
        for name in evaluated {
            let points = history.centers[name]?.dice.map { (Double($0.round), $0.value) } ?? []
            text += panel(
                name,
                LineChart(
                    title: "Dice of \(name)",
                    description: "mean foreground Dice, at last \(Markup.number(points.last?.1, 3))", yLabel: "Dice",
                    series: [.init(name: "", style: "c", points: points)], x: x, y: 0...1
                ).svg)
        }
        return text + "</div></section>\n"
    }

    private var representation: String {
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
            text += panel(
                name,
                LineChart(
                    title: "Contrast of \(name)", description: "at last \(Markup.number(points.last?.1, 4))",
                    yLabel: "divergence", series: [.init(name: "", style: "b", points: points)], x: x, y: y
                ).svg)
        }
        return text + "</div></section>\n"
    }

    private var accuracy: String {
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
                dice.append((name, score.cases.map { $0.dice[index] }))
                hausdorff.append((name, score.cases.compactMap { $0.measures[index].hausdorff95 }))
                surface.append((name, score.cases.compactMap { $0.measures[index].averageSurfaceDistance }))
            }
        }
        var text = """
            <section><h2>Accuracy</h2><p>Dice is 1 where neither prediction nor truth has the class (absent) and 0 where one has it \
            (missed); neither has a distance. HD95 is the larger of the two directed 95th percentiles of surface distances, ASSD the \
            mean of the two directed means.</p>\(table.html)
            """
        for (title, label, rows, x) in [
            ("Dice", "Dice", dice, 0.0...1.0),
            ("HD95", "mm", hausdorff, Axes.range(hausdorff.flatMap(\.1), from: 0)),
            ("ASSD", "mm", surface, Axes.range(surface.flatMap(\.1), from: 0)),
        ] {
            text += panel(
                title,
                BoxPlot(
                    title: "\(title) of every case", description: "a row for each of \(rows.count) classes",
                    xLabel: label,
                    rows: rows.map { (name: $0.0, values: $0.1) }, x: x
                ).svg, isWide: true)
        }
        return text + "</section>\n"
    }

    private var function: String {
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
            text += panel(
                quantity.name,
                BlandAltmanPlot(quantity: quantity.name, unit: quantity.unit, pairs: quantity.pairs).svg)
        }
        return text + "</div>\(table.html)</section>\n"
    }

    private var pictures: String {
        guard overlays.contains(where: { !$0.pictures.isEmpty }) else { return "" }
        var text = """
            <section><h2>Cases</h2><p>Each center's best, median and worst case by mean foreground Dice, at the slice with the largest \
            heart: truth<span class="key"></span>prediction<span class="key p"></span></p><div class="panels">
            """
        for (center, pictures) in overlays where !pictures.isEmpty {
            text += panel(center, "<div class=\"overlays\">" + pictures.map(\.html).joined() + "</div>")
        }
        return text + "</div></section>\n"
    }

    private var phases: String {
        guard !history.phases.isEmpty else { return "" }
        let table = TextTable.phases(ranks: history.phases)
        var markup = MarkupTable(
            caption: "Over \(history.phases.count) ranks", columns: table.columns.map(\.title))
        for row in table.rows { markup.rows.append((row[0], Array(row.dropFirst()))) }
        return "<section><h2>Time by phase</h2>\(markup.html)</section>\n"
    }

    private var configuration: String {
        let yaml = (try? String(contentsOfFile: access.folder.configuration, encoding: .utf8)) ?? ""
        return "<section><h2>Configuration</h2><pre>\(Markup.escape(yaml))</pre></section>\n"
    }

    private func panel(_ title: String, _ content: String, isWide: Bool = false) -> String {
        "<div class=\"panel\(isWide ? " wide" : "")\"><h3>\(Markup.escape(title))</h3>\(content)</div>\n"
    }

    private func cells(_ distribution: Distribution?, _ digits: Int) -> [String] {
        guard let distribution else { return ["–", "–"] }
        let deviation = distribution.deviation.map { " ± " + Markup.number($0, digits) } ?? ""
        return [Markup.number(distribution.mean, digits) + deviation, Markup.number(distribution.median, digits)]
    }

    // MARK: Overlays

    /// The best, the median and the worst case, as many of them as there are cases.
    private static func extremes(_ score: CenterScore) -> [(kind: String, item: CenterScore.CaseScore)] {
        func mean(_ item: CenterScore.CaseScore) -> Double {
            item.dice.reduce(0, +) / Double(max(1, item.dice.count))
        }
        let sorted = score.cases.sorted { mean($0) > mean($1) }
        guard let best = sorted.first, let worst = sorted.last else { return [] }
        switch sorted.count {
        case 1: return [("only", best)]
        case 2: return [("best", best), ("worst", worst)]
        default: return [("best", best), ("median", sorted[sorted.count / 2]), ("worst", worst)]
        }
    }

    private static func overlay(
        _ kind: String, _ score: CenterScore.CaseScore, _ cohort: Cohort, _ data: CenterData, _ state: CenterState,
        _ relocalization: LocalRelocalization
    ) throws -> Overlay {
        guard let item = cohort.cases.first(where: { $0.name == score.name }) else {
            preconditionFailure("a score is of a case of the cohort")
        }
        let image = try NIfTI.read(cohort.path(of: item.image), frame: item.frame ?? 0)
        let prediction = try Evaluation.segment(
            try data.sample(item, of: cohort), state: state, relocalization: relocalization)
        let mean = score.dice.reduce(0, +) / Double(max(1, score.dice.count))
        return Overlay(
            caption: "\(kind): \(score.name), Dice \(Markup.number(mean, 2))", image: image, prediction: prediction,
            truth: try data.truth(item, of: cohort))
    }
}
