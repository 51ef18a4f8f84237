import CardiacMR
import FederatedLearning

/// A center's volumes as the network takes them. Training samples stay in memory for participants that do.
package final class CenterData {
    private let preprocessing: Preprocessing
    private let cache: SampleCache?
    private let capacity: Int
    private let warn: @Sendable (String) -> Void
    private var upcoming: (name: String, samples: Pending)?
    private var training: [(name: String, samples: [TrainingSample])] = []
    private var validation: (name: String, volumes: [TrainingVolume])?
    private var warned: Set<String> = []

    private typealias Pending = Ahead<Result<[TrainingSample], CardiacMRError>>
    /// A volume, and the head of the networks that its classes are told apart by.
    package typealias TrainingSample = (sample: Sample, head: Int)

    /// Called now and then while a caller waits for samples: slow storage is no reason for silence.
    package var whileWaiting: () -> Void = {}

    /// - Parameters:
    ///   - configuration: how volumes are prepared.
    ///   - capacity: the most participants whose training samples are in memory.
    ///   - warn: told what is odd about a file, once.
    package init(
        _ configuration: Configuration, capacity: Int, warn: @escaping @Sendable (String) -> Void
    ) throws(CardiacMRError) {
        preprocessing = try Preprocessing(configuration.preprocessing.settings)
        cache = configuration.preprocessing.cache.map {
            SampleCache(folder: $0, settings: configuration.preprocessing.settings, warn: warn)
        }
        self.capacity = capacity
        self.warn = warn
    }

    /// The training samples of a participant, in its cohorts' order.
    package func trainingSamples(_ participant: Participant) throws(CardiacMRError) -> [TrainingSample] {
        if let index = training.firstIndex(where: { $0.name == participant.name }) {
            let found = training.remove(at: index)
            training.append(found)
            return found.samples
        }
        if training.count >= capacity { training.removeFirst() }
        let reading = upcoming.flatMap { $0.name == participant.name ? $0.samples : nil }
        upcoming = nil
        let pending = reading ?? prepare(participant, isAlone: true)
        let samples = try pending.value(whileWaiting: whileWaiting).get()
        for (sample, _) in samples { tell(sample.warnings) }
        training.append((participant.name, samples))
        return samples
    }

    /// The validation volumes of a participant as a step takes them. Those of the participant that was asked for last stay in
    /// memory.
    package func validationVolumes(_ participant: Participant) throws -> [TrainingVolume] {
        if let validation, validation.name == participant.name { return validation.volumes }
        validation = nil
        var volumes: [TrainingVolume] = []
        for cohort in participant.cohorts {
            for item in cohort.cases(in: .validation) {
                volumes.append(
                    TrainingVolume(try sample(item, of: cohort).sample, head: participant.head(of: cohort)))
            }
        }
        validation = (participant.name, volumes)
        return volumes
    }

    /// Begins to prepare the training samples of a participant that will be asked for next, beside what the caller does.
    package func prefetch(_ participant: Participant) {
        let name = participant.name
        guard upcoming?.name != name, !training.contains(where: { $0.name == name }) else { return }
        upcoming = (name, prepare(participant, isAlone: false))
    }

    /// Prepares a participant's training samples on another thread.
    private func prepare(_ participant: Participant, isAlone: Bool) -> Pending {
        let (preprocessing, cache) = (preprocessing, cache)
        return Ahead(isAlone: isAlone) {
            Result { () throws(CardiacMRError) in
                var all: [TrainingSample] = []
                for cohort in participant.cohorts {
                    func prepare() throws(CardiacMRError) -> [Sample] {
                        var samples: [Sample] = []
                        for item in cohort.cases(in: .train) {
                            samples.append(try preprocessing.sample(of: item, in: cohort))
                        }
                        return samples
                    }
                    let head = participant.head(of: cohort)
                    let samples: [Sample]
                    if let cache {
                        samples = try cache.samples(cohort, prepare: prepare)
                    } else {
                        samples = try prepare()
                    }
                    all += samples.map { (sample: $0, head: head) }
                }
                return all
            }
        }
    }

    /// The participants whose training samples are in memory.
    package var resident: [String] { training.map(\.name) }

    /// Says what is odd, once.
    package func tell(_ warnings: [String]) {
        for warning in warnings where warned.insert(warning).inserted { warn(warning) }
    }

    /// One case as the network takes it, and its segmentation on the image's own grid.
    package func sample(
        _ item: Case, of cohort: Cohort
    ) throws(CardiacMRError) -> (sample: Sample, truth: LabelVolume) {
        let preprocessing = preprocessing
        let reading = Ahead(isAlone: true) {
            Result { () throws(CardiacMRError) in
                let volumes = try CaseVolumes(item, of: cohort)
                return (sample: preprocessing.sample(of: volumes, item, in: cohort), truth: volumes.labels)
            }
        }
        let found = try reading.value(whileWaiting: whileWaiting).get()
        tell(found.sample.warnings)
        return found
    }
}
