import Foundation

extension TextTable {
    /// Dice and distances per center and class: mean ± standard deviation, median, and the cases without distance.
    package static func classSummaries(_ scores: [CenterScore]) -> TextTable {
        var table = TextTable(
            columns: [
                .init("center", .left), .init("class", .left), .init("cases"), .init("Dice"), .init("median"),
                .init("HD95 mm"), .init("median"), .init("ASSD mm"), .init("median"), .init("missed"), .init("absent"),
            ])
        for score in scores {
            table.separate()
            for (index, summary) in score.classSummaries.enumerated() {
                table.append(
                    [index == 0 ? score.center : "", summary.name, String(score.cases.count)]
                        + cells(summary.dice, digits: 3) + cells(summary.hausdorff95, digits: 1)
                        + cells(summary.averageSurfaceDistance, digits: 2)
                        + [String(summary.missed), String(summary.absent)])
            }
        }
        return table
    }

    /// Calibration per center, over the cases.
    package static func calibration(_ scores: [CenterScore]) -> TextTable {
        var table = TextTable(
            columns: [
                .init("center", .left), .init("cases"), .init("ECE"), .init("median"), .init("Brier"), .init("median"),
            ])
        for score in scores {
            table.append(
                [score.center, String(score.expectedCalibrationError?.count ?? 0)]
                    + cells(score.expectedCalibrationError, digits: 3) + cells(score.brier, digits: 3))
        }
        return table
    }

    /// Heart function per center: bias, Bland and Altman's limits (± 1.96 standard deviations), and correlation.
    package static func function(_ scores: [CenterScore]) -> TextTable {
        var table = TextTable(
            columns: [
                .init("center", .left), .init("quantity", .left), .init("unit", .left), .init("n"), .init("truth"),
                .init("bias"), .init("limits"), .init("r"),
            ])
        for score in scores {
            table.separate()
            for (index, quantity) in score.functionQuantities.enumerated() {
                guard let agreement = quantity.agreement else { continue }
                let truth = quantity.pairs.reduce(0) { $0 + $1.truth } / Double(quantity.pairs.count)
                table.append([
                    index == 0 ? score.center : "", quantity.name, quantity.unit, String(agreement.count),
                    String(format: "%.1f", truth), String(format: "%+.1f", agreement.bias),
                    agreement.limits.map { String(format: "± %.1f", $0) } ?? "-",
                    agreement.correlation.map { String(format: "%.2f", $0) } ?? "-",
                ])
            }
        }
        return table
    }

    private static func cells(_ distribution: Distribution?, digits: Int) -> [String] {
        guard let distribution else { return ["-", "-"] }
        func number(_ value: Double) -> String { String(format: "%.\(digits)f", value) }
        return [
            number(distribution.mean) + (distribution.deviation.map { " ± " + number($0) } ?? ""),
            number(distribution.median),
        ]
    }
}
