import CardiacMR

/// A center's volumes as the network takes them. Training samples stay in memory for centers that do.
package final class CenterData {
    private let preprocessing: Preprocessing
    private let cache: SampleCache?
    private let capacity: Int
    private let warn: @Sendable (String) -> Void
    private var upcoming: (center: String, samples: Ahead<Result<[Sample], CardiacMRError>>)?
    private var training: [(center: String, samples: [Sample])] = []
    private var warned: Set<String> = []

    /// - Parameters:
    ///   - configuration: how volumes are prepared.
    ///   - capacity: the most centers whose training samples are in memory.
    ///   - warn: told what is odd about a file, once.
    package init(
        _ configuration: Configuration, capacity: Int, warn: @escaping @Sendable (String) -> Void
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
        let reading = upcoming.flatMap { $0.center == cohort.center ? $0.samples : nil }
        upcoming = nil
        let samples = if let reading { try reading.value().get() } else { try prepare(cohort)() }
        for sample in samples { tell(sample.warnings) }
        training.append((cohort.center, samples))
        return samples
    }

    /// Begins to prepare the training samples of a center that will be asked for next, beside what the caller does.
    package func prefetch(_ cohort: Cohort) {
        guard upcoming?.center != cohort.center, !training.contains(where: { $0.center == cohort.center }) else {
            return
        }
        let prepare = prepare(cohort)
        upcoming = (
            cohort.center,
            Ahead { Result { () throws(CardiacMRError) in try prepare() } }
        )
    }

    /// The preparation of a center's training samples, for any thread.
    private func prepare(_ cohort: Cohort) -> @Sendable () throws(CardiacMRError) -> [Sample] {
        let (preprocessing, cache) = (preprocessing, cache)
        return { () throws(CardiacMRError) in
            func prepare() throws(CardiacMRError) -> [Sample] {
                var samples: [Sample] = []
                for item in cohort.cases(in: .train) { samples.append(try preprocessing.sample(of: item, in: cohort)) }
                return samples
            }
            guard let cache else { return try prepare() }
            return try cache.samples(cohort, prepare: prepare)
        }
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
