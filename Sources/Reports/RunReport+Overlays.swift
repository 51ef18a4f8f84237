import CardiacMR
import FederatedLearning
import Federation

extension RunReport {
    /// The best, the median and the worst case, as many of them as there are cases.
    static func extremes(_ score: CenterScore) -> [(kind: String, item: CenterScore.CaseScore)] {
        let sorted = score.cases.filter { $0.mean != nil }.sorted { $0.mean ?? 0 > $1.mean ?? 0 }
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
        return Overlay(
            caption: "\(kind): \(score.name), Dice \(Markup.number(score.mean, 2))", image: image,
            prediction: prediction,
            truth: truth)
    }
}
