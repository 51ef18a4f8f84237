import Federation
import Foundation
import Reports

/// A comparison as text for terminals, papers and other programs.
extension Comparison {
    /// A column of the table: its title, a cell's text, and what orders the cells; nil where none is the best.
    struct Column {
        enum Best { case highest, lowest, nearestToZero }
        let title: String
        let best: Best?
        let value: (Row) -> Double?
        let text: (Row) -> String

        /// A column of means over trainings.
        init(_ title: String, _ digits: Int, best: Best?, _ spread: @escaping (Row) -> Spread?) {
            self.title = title
            self.best = best
            value = { spread($0)?.mean }
            text = { row in
                guard let spread = spread(row) else { return "–" }
                return Markup.number(spread.mean, digits)
                    + (spread.deviation.map { " ± " + Markup.number($0, digits) } ?? "")
            }
        }

        init(
            _ title: String, best: Best? = nil, value: @escaping (Row) -> Double? = { _ in nil },
            text: @escaping (Row) -> String
        ) {
            (self.title, self.best, self.value, self.text) = (title, best, value, text)
        }
    }

    /// How good the segmentations are.
    var accuracyColumns: [Column] {
        var columns = [
            Column("Dice", 3, best: .highest, \.dice), Column("worst center", 3, best: .highest, \.worst),
            Column("spread", 3, best: .lowest, \.spread),
        ]
        if plan.distant != nil {
            columns.append(Column("distant", 3, best: .highest, \.distant))
            columns.append(Column("over local", 3, best: .highest, \.gain))
        }
        return columns + [
            Column("HD95, mm", 1, best: .lowest, \.hausdorff95), Column("ASSD, mm", 2, best: .lowest, \.surface),
        ]
    }

    /// How it fares against the reference.
    var contestColumns: [Column] {
        [
            Column("Δ Dice [95 %]") { row in
                guard let contest = row.contest else { return "–" }
                let interval = contest.interval.map {
                    " [\(Markup.number($0.lowerBound, 3)), \(Markup.number($0.upperBound, 3))]"
                }
                return Markup.number(contest.difference, 3) + (interval ?? "")
            },
            Column("p (Holm)") { row in
                guard let contest = row.contest, let adjusted = contest.adjusted else { return "–" }
                return (adjusted < 0.0001 ? "<0.0001" : Markup.number(adjusted, 4)) + contest.stars
            },
        ]
    }

    /// What else is measured.
    var furtherColumns: [Column] {
        [
            Column(
                "LV-EF bias, %", best: .nearestToZero, value: \.ejectionFractionBias,
                text: { Markup.number($0.ejectionFractionBias, 1) }),
            Column("mass bias, g", best: .nearestToZero, value: \.massBias, text: { Markup.number($0.massBias, 1) }),
            Column("ECE", 3, best: .lowest, \.calibrationError), Column("Brier", 3, best: .lowest, \.brier),
            Column("validation Dice", 3, best: nil, \.validation), Column("best round") { Markup.number($0.round, 0) },
            Column("parameters") { String($0.parameters) },
            Column("MB/round") { Markup.number(Double($0.bytesPerRound) / 1e6, 2) },
            Column("s/round") { Markup.number($0.secondsPerRound, 1) },
        ]
    }

    /// The rows that are the best of a column.
    func best(_ column: Column) -> Set<String> {
        guard let order = column.best else { return [] }
        let known = rows.compactMap { row in column.value(row).map { (row.variant, $0) } }
        let keys = known.map { (name: $0.0, key: order == .highest ? -$0.1 : order == .lowest ? $0.1 : abs($0.1)) }
        guard let least = keys.map(\.key).min() else { return [] }
        return Set(keys.filter { $0.key == least }.map(\.name))
    }

    // MARK: Text

    /// The tables for a terminal.
    package func text(_ style: TextTable.Style) -> String {
        func table(_ columns: [Column]) -> String {
            var table = TextTable(columns: [.init("method", .left)] + columns.map { .init($0.title) })
            for row in rows { table.append([row.variant] + columns.map { $0.text(row) }) }
            return table.rendered(style)
        }
        var centers = TextTable(
            columns: [.init("Dice of", .left)] + rows.map { .init($0.variant) })
        for (index, center) in (rows.first?.centers ?? []).enumerated() {
            centers.append([center.name] + rows.map { Markup.number($0.centers[index].dice?.mean, 3) })
        }
        var text = table(accuracyColumns + contestColumns) + "\n" + table(furtherColumns) + "\n"
        if rows.count <= 8 { text += centers.rendered(style) + "\n" }
        return text + notes.joined(separator: "\n") + "\n"
    }

    /// What one must know to read the tables.
    var notes: [String] {
        var notes = [
            "Test cases, by each center's own network after its local epochs, of each training's "
                + (isSelected ? "best checkpoint on validation cases" : "last checkpoint")
                + "; mean ± standard deviation over \(trainings); centers count the same.",
            "Δ Dice: paired over cases of the same seed and split against \(reference), interval by a bootstrap of "
                + "patients; p: Wilcoxon's signed-rank test of the patients' mean differences, Holm's correction over all rows; "
                + "* below 0.05, ** below 0.01.",
        ]
        if plan.runs.contains(where: { $0.leftOut != nil }) {
            notes.append(
                "Each training leaves out the center that it is measured on: ensemble is the mean of the other centers' "
                    + "probabilities, global the server's network, tuned-k a network trained on k of its subjects, from the "
                    + "nearest center's.")
        }
        if let distant = plan.distant { notes.append("distant: \(distant).") }
        if leftOut > 0 { notes.append("\(leftOut) cases, over all trainings, could not be used.") }
        if !failed.isEmpty {
            notes.append("The loss was not finite in \(failed.count) trainings: \(failed.joined(separator: ", ")).")
        }
        if !missing.isEmpty {
            notes.append(
                "\(missing.count) of \(plan.runs.count) trainings are not done: \(missing.prefix(5).joined(separator: ", "))"
                    + (missing.count > 5 ? ", …" : "") + ".")
        }
        return notes
    }

    /// Whether checkpoints were chosen on validation cases.
    private var isSelected: Bool {
        outcomes.values.contains { $0.contains { !$0.result.validations.isEmpty || $0.run.leftOut != nil } }
    }

    private var trainings: String {
        let seeds = Set(plan.runs.map(\.seed)).count
        let folds = Set(plan.runs.compactMap(\.fold)).count
        let text = "\(seeds) seed\(seeds == 1 ? "" : "s")"
        return folds > 0 ? "\(text) and \(folds) folds" : text
    }

    // MARK: LaTeX

    /// A `table` with the rules of booktabs; the best of a column is bold.
    package var latex: String {
        let columns = accuracyColumns + contestColumns
        func escape(_ text: String) -> String {
            text.reduce(into: "") { result, character in
                switch character {
                case "&", "%", "$", "#", "_", "{", "}": result += "\\\(character)"
                case "±": result += "$\\pm$"
                case "−": result += "$-$"
                case "–": result += "--"
                case "Δ": result += "$\\Delta$"
                case "<": result += "$<$"
                case "\\": result += "\\textbackslash{}"
                case ">": result += "$>$"
                case "|": result += "$|$"
                case "\"": result += "''"
                case "~": result += "\\textasciitilde{}"
                case "^": result += "\\textasciicircum{}"
                default: result.append(character)
                }
            }
        }
        var lines = [
            "% Needs \\usepackage{booktabs}; names beyond Latin letters, an engine that knows them, such as LuaLaTeX.",
            "\\begin{table}", "  \\centering",
            "  \\caption{\(notes.map(escape).joined(separator: " "))}",
            "  \\begin{tabular}{l\(String(repeating: "r", count: columns.count))}", "    \\toprule",
            "    method & \(columns.map { escape($0.title) }.joined(separator: " & ")) \\\\", "    \\midrule",
        ]
        let bests = columns.map(best)
        for row in rows {
            let cells = zip(columns, bests).map { column, best in
                let text = escape(column.text(row))
                return best.contains(row.variant) ? "\\textbf{\(text)}" : text
            }
            lines.append("    \(([escape(row.variant)] + cells).joined(separator: " & ")) \\\\")
        }
        return (lines + ["    \\bottomrule", "  \\end{tabular}", "\\end{table}", ""]).joined(separator: "\n")
    }

    // MARK: For other programs

    /// A line for every class of every case of every training.
    package var csv: String {
        var text = "method,seed,fold,center,subject,phase,class,dice,hd95_mm,assd_mm,predicted_ml,true_ml\n"
        for variant in variants {
            for (run, result) in outcomes[variant] ?? [] {
                let head = [variant, String(run.seed), run.fold.map(String.init) ?? ""]
                text += EvaluationFiles.rows(result.scores, before: head)
            }
        }
        return text
    }

    /// The tables' numbers.
    package var json: MetricsValue {
        func spread(_ value: Spread?) -> MetricsValue { value?.metrics ?? .null }
        func optional(_ value: Double?) -> MetricsValue { value.map(MetricsValue.number) ?? .null }
        return [
            "reference": .text(reference), "distant": plan.distant.map { .text($0) } ?? .null,
            "missing": .list(missing.map { .text($0) }), "failed": .list(failed.map { .text($0) }),
            "left_out": .integer(leftOut),
            "methods": .list(
                rows.map { row in
                    var object: [String: MetricsValue] = [
                        "method": .text(row.variant), "trainings": .integer(row.trainings), "dice": spread(row.dice),
                        "worst_center": spread(row.worst), "spread": spread(row.spread),
                        "distant": spread(row.distant), "gain_over_local": spread(row.gain),
                        "hd95_mm": spread(row.hausdorff95), "assd_mm": spread(row.surface),
                        "ece": spread(row.calibrationError), "brier": spread(row.brier),
                        "lv_ef_bias": optional(row.ejectionFractionBias), "mass_bias_g": optional(row.massBias),
                        "centers": .object(
                            Dictionary(uniqueKeysWithValues: row.centers.map { ($0.name, spread($0.dice)) })),
                        "validation_dice": spread(row.validation), "best_round": .number(row.round),
                        "parameters": .integer(row.parameters), "bytes_per_round": .integer(row.bytesPerRound),
                        "seconds_per_round": .number(row.secondsPerRound),
                    ]
                    if let contest = row.contest {
                        object["against_reference"] = [
                            "pairs": .integer(contest.pairs), "patients": .integer(contest.patients),
                            "difference": .number(contest.difference),
                            "interval": contest.interval.map {
                                .list([.number($0.lowerBound), .number($0.upperBound)])
                            } ?? .null, "p": optional(contest.probability), "p_holm": optional(contest.adjusted),
                        ]
                    }
                    return .object(object)
                }),
        ]
    }
}
