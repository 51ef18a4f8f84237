import CardiacMR
import FederatedLearning
import Federation

extension RunReport {
    /// The best, the median and the worst case, as many of them as there are cases.
    static func extremes(_ score: CenterScore) -> [(kind: String, item: CenterScore.CaseScore)] {
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

    static func overlay(
        _ kind: String, _ score: CenterScore.CaseScore, _ cohort: Cohort, _ data: CenterData, _ segmenter: Segmenter
    ) throws -> Overlay {
        guard let item = cohort.cases.first(where: { $0.name == score.name }) else {
            preconditionFailure("a score is of a case of the cohort")
        }
        let image = try NIfTI.read(cohort.path(of: item.image), frame: item.frame ?? 0)
        let (sample, truth) = try data.sample(item, of: cohort)
        let prediction = try segmenter.segment(sample)
        let mean = score.dice.reduce(0, +) / Double(max(1, score.dice.count))
        return Overlay(
            caption: "\(kind): \(score.name), Dice \(Markup.number(mean, 2))", image: image, prediction: prediction,
            truth: truth)
    }
}
