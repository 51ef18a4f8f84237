import CardiacMR

/// Segments held-out cases and compares them with their labels, voxel for voxel on the native grid.
package struct Evaluation {
    private let data: CenterData
    private let absent: Configuration.AbsentClass

    /// - Parameters:
    ///   - data: prepares the cases.
    ///   - absent: how a class counts that a case has neither in truth nor in the prediction.
    package init(_ data: CenterData, absent: Configuration.AbsentClass) {
        self.data = data
        self.absent = absent
    }

    /// The scores of a center's cases of a split. A case that cannot be used is left out, with a warning: it costs the
    /// others nothing.
    /// - Parameters:
    ///   - segmenter: the center's.
    ///   - measuring: whether distances and volumes are measured, too, which takes longer than segmenting.
    ///   - between: called after each case; whether to go on.
    /// - Throws: where the cohort has not as many classes as the network.
    package func score(
        _ cohort: Cohort, split: Split, by segmenter: some CaseSegmenter, measuring: Bool = false,
        between: () throws -> Bool = { true }
    ) throws -> CenterScore {
        guard cohort.classes.count == segmenter.classes else {
            throw FederationError(
                kind: .configuration, attempted: "evaluate", subject: "center \(cohort.center)",
                reason: "its cohort in \(cohort.folder) has \(cohort.classes.count) classes, its network "
                    + "\(segmenter.classes)",
                remedy: "give the data that the run was trained on, or other data with the same classes")
        }
        var score = CenterScore(center: cohort.center, classes: Array(cohort.classes.dropFirst()), cases: [])
        for item in cohort.cases(in: split) {
            let (sample, truth): (Sample, LabelVolume)
            do { (sample, truth) = try data.sample(item, of: cohort) } catch {
                score.leftOut[item.name] = error.description
                data.tell(["\(item.name) of center \(cohort.center) is left out: \(error)"])
                continue
            }
            let probabilities = try segmenter.probabilities(sample)
            let prediction = segmenter.labels(probabilities, of: sample)
            let counts = SegmentationCounts(
                prediction: prediction.labels, truth: truth.labels, classes: cohort.classes.count)
            let dice = counts.foregroundDice
            var result = CenterScore.CaseScore(
                name: item.name, subject: item.subject, phase: item.phase,
                dice: dice.map { $0 ?? (absent == .one ? 1 : nil) }, absent: dice.map { $0 == nil }, measures: [])
            if measuring {
                result.measures = (1..<cohort.classes.count).map {
                    ClassMeasures(UInt8($0), prediction: prediction, truth: truth)
                }
                result.calibration = Calibration(
                    probabilities: UnsafeBufferPointer(probabilities.values), classes: segmenter.classes,
                    labels: sample.labels ?? [])
            }
            score.cases.append(result)
            guard try between() else { break }
        }
        return score
    }
}
