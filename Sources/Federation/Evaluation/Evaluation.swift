import CardiacMR
import FedCRLD
import Tensors

/// Segments held-out cases and compares them with their labels, voxel for voxel on the native grid.
package struct Evaluation {
    private let data: CenterData

    /// - Parameter data: prepares the cases.
    package init(_ data: CenterData) { self.data = data }

    /// The scores of a center's cases of a split.
    /// - Parameters:
    ///   - measuring: whether distances and volumes are measured, too, which takes longer than segmenting.
    ///   - between: called after each case.
    /// - Throws: where the cohort has not as many classes as the network, or a case cannot be read.
    package func score(
        _ cohort: Cohort, split: Split, state: CenterState, relocalization: some RelocalizationService,
        measuring: Bool = false, between: () throws -> Void = {}
    ) throws -> CenterScore {
        guard cohort.classes.count == state.network.classes else {
            throw FederationError(
                kind: .configuration, attempted: "evaluate", subject: "center \(cohort.center)",
                reason: "its cohort in \(cohort.folder) has \(cohort.classes.count) classes, its network "
                    + "\(state.network.classes)",
                remedy: "give the data that the run was trained on, or other data with the same classes")
        }
        var score = CenterScore(center: cohort.center, classes: Array(cohort.classes.dropFirst()), cases: [])
        for item in cohort.cases(in: split) {
            let sample = try data.sample(item, of: cohort)
            let prediction = try Self.segment(sample, state: state, relocalization: relocalization)
            let truth = try data.truth(item, of: cohort)
            let counts = SegmentationCounts(
                prediction: prediction.labels, truth: truth.labels, classes: cohort.classes.count)
            let measures =
                measuring
                ? (1..<cohort.classes.count).map {
                    ClassMeasures(UInt8($0), prediction: prediction, truth: truth)
                } : []
            score.cases.append(
                .init(
                    name: item.name, subject: item.subject, phase: item.phase, dice: counts.foregroundDice,
                    measures: measures))
            try between()
        }
        return score
    }

    /// The labels of a sample on its native grid.
    package static func segment(
        _ sample: Sample, state: CenterState, relocalization: some RelocalizationService
    ) throws -> LabelVolume {
        let probabilities = try state.network.predict(
            sample.tensor, model: state.part(.client), relocalization: relocalization)
        return sample.geometry.restore(probabilities: probabilities.array, classes: state.network.classes)
    }
}
