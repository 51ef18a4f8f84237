import CardiacMR

/// A center's volumes as the network takes them. Training samples stay in memory for centers that do.
package final class CenterData {
    private let preprocessing: Preprocessing
    private let capacity: Int
    private let warn: (String) -> Void
    private var training: [(center: String, samples: [Sample])] = []
    private var warned: Set<String> = []

    /// - Parameters:
    ///   - configuration: how volumes are prepared.
    ///   - capacity: the most centers whose training samples are in memory.
    ///   - warn: told what is odd about a file, once.
    package init(
        _ configuration: Configuration, capacity: Int, warn: @escaping (String) -> Void
    ) throws(CardiacMRError) {
        preprocessing = try Preprocessing(configuration.preprocessingSettings)
        self.capacity = capacity
        self.warn = warn
    }

    /// The training samples of a center, in the cohort's order.
    package func trainingSamples(_ cohort: Cohort) throws(CardiacMRError) -> [Sample] {
        if let index = training.firstIndex(where: { $0.center == cohort.center }) {
            let found = training.remove(at: index)
            training.append(found)
            return found.samples
        }
        if training.count >= capacity { training.removeFirst() }
        var samples: [Sample] = []
        for item in cohort.cases(in: .train) { samples.append(try sample(item, of: cohort)) }
        training.append((cohort.center, samples))
        return samples
    }

    /// A case's segmentation on its own grid.
    package func truth(_ item: Case, of cohort: Cohort) throws(CardiacMRError) -> LabelVolume {
        try preprocessing.truth(of: item, in: cohort)
    }

    /// One case.
    package func sample(_ item: Case, of cohort: Cohort) throws(CardiacMRError) -> Sample {
        let sample = try preprocessing.sample(of: item, in: cohort)
        for warning in sample.warnings where warned.insert(warning).inserted { warn(warning) }
        return sample
    }
}
