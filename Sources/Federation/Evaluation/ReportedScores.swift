import CardiacMR

/// What the root knows of an evaluation in the course of a run: of each center or, where reports are added up, of all together.
struct ReportedScores {
    /// Each center's means; nil where the root knows sums alone.
    let centers: [CenterMeans]?
    /// All of them in a few numbers.
    let summary: ScoreSummary
    /// The rows of a table.
    let rows: [TextTable.CenterDice]
    /// Number of centers.
    let count: Int
    /// Cases that could not be used.
    let leftOut: Int

    /// Of each center.
    init(_ centers: [CenterMeans]) {
        self.centers = centers
        summary = ScoreSummary(centers)
        rows = centers.map(\.row)
        count = centers.count
        leftOut = centers.reduce(0) { $0 + $1.leftOut }
    }

    fileprivate init(summary: ScoreSummary, row: TextTable.CenterDice, count: Int, leftOut: Int) {
        centers = nil
        self.summary = summary
        rows = [row]
        self.count = count
        self.leftOut = leftOut
    }

    /// What `metrics.jsonl` says of each center, or, in place of that, of the classes of all.
    var metrics: [String: MetricsValue] {
        guard let centers else {
            let classes = rows.flatMap(\.classes).map { ($0.name, $0.dice.map(MetricsValue.number) ?? .null) }
            return ["centers": .object([:]), "dice": .object(Dictionary(uniqueKeysWithValues: classes))]
        }
        return ["centers": .object(Dictionary(uniqueKeysWithValues: centers.map { ($0.center, $0.metrics) }))]
    }
}

/// The scores of centers as numbers that can be added up (``ReportSums``), and what their sums say.
///
/// A class is told of where as many centers have it as a sum must have; one that a single center has would tell of that center.
struct ScoreSums {
    /// Foreground classes that are told of.
    let classes: [String]
    private let centers: Int
    private static let general = 6

    /// - Parameter fewest: the centers that a sum must have.
    init(_ cohorts: [Cohort], fewest: Int) {
        centers = cohorts.count
        var holders: [String: Int] = [:]
        var order: [String] = []
        for name in cohorts.flatMap({ $0.classes.dropFirst() }) {
            if holders[name] == nil { order.append(name) }
            holders[name, default: 0] += 1
        }
        classes = order.filter { holders[$0, default: 0] >= fewest }
    }

    /// Numbers of each center.
    var count: Int { Self.general + 2 * classes.count }

    /// A center's numbers.
    func values(_ means: CenterMeans) -> [Double] {
        let mean = means.mean
        let general = [
            mean == nil ? 0 : 1, mean ?? 0, (mean ?? 0) * (mean ?? 0), Double(means.cases), Double(means.leftOut),
            Double(means.absent.reduce(0, +)),
        ]
        return general
            + classes.flatMap { name -> [Double] in
                guard let index = means.classes.firstIndex(of: name), let dice = means.classMeans[index] else {
                    return [0, 0]
                }
                return [1, dice]
            }
    }

    /// What the sums of all centers say.
    func scores(_ sums: [Double]) -> ReportedScores {
        func mean(_ place: Int) -> Double? { sums[place] > 0 ? sums[place + 1] / sums[place] : nil }
        let (count, overall) = (sums[0], mean(0))
        // Rounded sums may make a spread of nothing less than that.
        let spread =
            count > 1
            ? (max(0, sums[2] - sums[1] * sums[1] / count) / (count - 1)).squareRoot() : nil
        let named = classes.indices.map { (name: classes[$0], dice: mean(Self.general + 2 * $0)) }
        return ReportedScores(
            summary: ScoreSummary(mean: overall, spread: spread, absent: Int(sums[5])),
            row: TextTable.CenterDice(ofAll: "all \(centers)", cases: Int(sums[3]), classes: named, mean: overall),
            count: centers, leftOut: Int(sums[4]))
    }
}
