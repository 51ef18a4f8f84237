import CardiacMR

/// A center's volumes as the network takes them. Training samples stay in memory for centers that do.
package final class CenterData {
    private let preprocessing: Preprocessing
    private let cache: SampleCache?
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
        cache = configuration.preprocessing.cache.map {
            SampleCache(folder: $0, settings: configuration.preprocessingSettings, warn: warn)
        }
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
        func prepare() throws(CardiacMRError) -> [Sample] {
            var samples: [Sample] = []
            for item in cohort.cases(in: .train) { samples.append(try preprocessing.sample(of: item, in: cohort)) }
            return samples
        }
        let samples = if let cache { try cache.samples(cohort, prepare: prepare) } else { try prepare() }
        for sample in samples { tell(sample.warnings) }
        training.append((cohort.center, samples))
        return samples
    }

    private func tell(_ warnings: [String]) {
        for warning in warnings where warned.insert(warning).inserted { warn(warning) }
    }

    /// A case's segmentation on its own grid.
    package func truth(_ item: Case, of cohort: Cohort) throws(CardiacMRError) -> LabelVolume {
        try preprocessing.truth(of: item, in: cohort)
    }

    /// One case.
    package func sample(_ item: Case, of cohort: Cohort) throws(CardiacMRError) -> Sample {
        let sample = try preprocessing.sample(of: item, in: cohort)
        tell(sample.warnings)
        return sample
    }
}
