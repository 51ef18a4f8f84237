import Foundation

extension TextTable {
    /// The Dice of one center's held-out cases.
    package struct CenterDice: Sendable, Equatable {
        /// The center's name.
        package var center: String
        /// How many cases the means are over.
        package var cases: Int
        /// Foreground classes in the center's order with their mean Dice; nil where there is none.
        package var classes: [(name: String, dice: Double?)]
        /// Mean over the foreground classes that have a Dice; nil where none has.
        package var mean: Double?
        /// Whether it is of all centers together, so that there is nothing to take a mean of.
        fileprivate let isOfAll: Bool

        /// The Dice of a center, class by class.
        package init(center: String, cases: Int, classes: [(name: String, dice: Double?)]) {
            self.center = center
            self.cases = cases
            self.classes = classes
            mean = TextTable.mean(classes.compactMap(\.dice))
            isOfAll = false
        }

        /// The Dice of all centers together, whose mean need not be that of their classes.
        init(ofAll name: String, cases: Int, classes: [(name: String, dice: Double?)], mean: Double?) {
            center = name
            self.cases = cases
            self.classes = classes
            self.mean = mean
            isOfAll = true
        }

        package static func == (first: CenterDice, second: CenterDice) -> Bool {
            first.center == second.center && first.cases == second.cases && first.mean == second.mean
                && first.classes.elementsEqual(second.classes) { $0 == $1 }
        }
    }

    /// Dice per center and foreground class, the mean of each center, and the mean over centers.
    ///
    /// Centers may differ in their classes: there is a column for each name that occurs. A center counts the same in
    /// the last row however many cases it has, and only centers that have a value count.
    package static func dice(_ centers: [CenterDice]) -> TextTable {
        var names: [String] = []
        for name in centers.flatMap({ $0.classes.map(\.name) }) where !names.contains(name) { names.append(name) }
        var table = TextTable(
            columns: [Column("center", .left), Column("cases")] + names.map { Column($0) } + [Column("mean")])
        for center in centers {
            let values = names.map { name in center.classes.first { $0.name == name }?.dice }
            table.append([center.center, String(center.cases)] + (values + [center.mean]).map { fraction($0) })
        }
        // A row of all centers is their mean.
        guard !centers.contains(where: \.isOfAll) else { return table }
        table.separate()
        let columnMeans = names.map { name in
            mean(centers.compactMap { center in center.classes.first { $0.name == name }?.dice })
        }
        let overall = mean(centers.compactMap(\.mean))
        table.append(
            ["mean", String(centers.reduce(0) { $0 + $1.cases })] + (columnMeans + [overall]).map { fraction($0) })
        return table
    }

    /// Seconds per phase: least, average and most over the ranks, and the average's share of the whole.
    ///
    /// - Parameter ranks: every rank's `PhaseClock.record`.
    package static func phases(ranks: [[Double]]) -> TextTable {
        precondition(
            ranks.allSatisfy { $0.count == RunPhase.allCases.count + 1 }, "a record holds every phase and a total")
        var table = TextTable(
            columns: [Column("phase", .left), Column("min s"), Column("avg s"), Column("max s"), Column("%")])
        let totals = ranks.map { $0[RunPhase.allCases.count] }
        let whole = mean(totals) ?? 0
        func append(_ name: String, _ seconds: [Double]) {
            let average = mean(seconds) ?? 0
            table.append([
                name, duration(seconds.min() ?? 0), duration(average), duration(seconds.max() ?? 0),
                String(format: "%.1f", whole > 0 ? 100 * average / whole : 0),
            ])
        }
        for phase in RunPhase.allCases { append(phase.name, ranks.map { $0[phase.rawValue] }) }
        append("other", ranks.map { max(0, $0[RunPhase.allCases.count] - $0.dropLast().reduce(0, +)) })
        table.separate()
        append("total", totals)
        return table
    }

    private static func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    private static func fraction(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }

    private static func duration(_ seconds: Double) -> String { String(format: "%.1f", seconds) }
}
