import CardiacMR
import FederatedLearning
import Federation
import NeuralNetwork
import Tensors

/// How a center that took no part in a training is served by it, measured on the center's test cases:
///
/// - `global`: by the server's network, where the method has a whole one (all that segments is exchanged);
/// - `ensemble`: by the mean of all centers' probabilities, class by class name;
/// - `tuned-k`: by a network of its own, trained on k of its labelled subjects, from what the nearest center has and the server
///   sends. The nearest is the center whose network segments these k subjects best; of what has other shapes, as the last layer
///   for other classes, it has initial values.
///
/// FedCRLD's server has an encoder only, so it has no `global`.
struct UnseenCenter {
    private let access: RunAccess
    private let cohort: Cohort
    private let others: [Cohort]
    private let data: CenterData
    private let evaluation: Evaluation
    private let between: () throws -> Void

    /// - Parameters:
    ///   - cohort: the center's.
    ///   - others: those that took part.
    ///   - between: called after each case.
    init(
        _ access: RunAccess, _ cohort: Cohort, others: [Cohort], between: @escaping () throws -> Void
    ) throws {
        self.access = access
        self.cohort = cohort
        self.others = others
        self.between = between
        data = try CenterData(access.configuration, capacity: 1, warn: Messages.warn)
        evaluation = Evaluation(data, absent: access.configuration.evaluateAbsent)
    }

    /// The scores by way.
    /// - Parameter fewShot: the labelled subjects that are trained on; nil: none.
    func scores(_ fewShot: ComparisonPlan.FewShot?) throws -> [String: CenterScore] {
        var scores: [String: CenterScore] = [:]
        let members = try others.map { other in
            (segmenter: try access.segmenter(of: other.center, cohorts: others), classes: other.classes)
        }
        if let global = try globalSegmenter() { scores["global"] = try score(global) }
        scores["ensemble"] = try score(EnsembleSegmenter(classes: cohort.classes, members, prediction))
        for count in fewShot?.subjects ?? [] where count > 0 {
            scores["tuned-\(count)"] = try score(tuned(on: count, epochs: fewShot?.epochs ?? 1, members))
        }
        return scores
    }

    private var prediction: Configuration.Prediction { access.configuration.prediction }

    private func score(_ segmenter: some CaseSegmenter) throws -> CenterScore {
        try evaluation.score(cohort, split: .test, by: segmenter, measuring: true) {
            try between()
            return true
        }
    }

    // MARK: The server's network

    /// The network that the server has, where it is whole.
    private func globalSegmenter() throws -> EnsembleSegmenter? {
        let pooled = access.manifest.members != nil
        guard !pooled, let first = others.first, Set(others.map(\.classes)).count == 1 else { return nil }
        let method = try access.configuration.method(
            heads: [first.classes.count],
            population: Population(centers: others.count, hasEqualClasses: true))
        let exchanged = method.exchangedNumbers(of: method.exchanges.filter(\.replaces))
        guard exchanged >= method.networkParameters else { return nil }
        let state = method.state(of: cohort.center, seed: access.configuration.seed)
        // Whatever a center has beside the server's network, as a model of its own, begins as that.
        for content in try access.server(method).contents where content.exchange.replaces {
            for variable in method.variables where variable.layout.entries.count >= content.entries.count {
                let target = state[variable.name, variable.part]
                for range in content.ranges { _ = target[range].update(from: content.values[range]) }
            }
        }
        let segmenter = Segmenter(state, method, prediction)
        return EnsembleSegmenter(classes: cohort.classes, [(segmenter, first.classes)], prediction)
    }

    // MARK: A network of its own

    private func tuned(
        on count: Int, epochs: Int, _ members: [(segmenter: Segmenter, classes: [String])]
    ) throws -> Segmenter {
        var few = cohort
        let subjects = (cohort.splits[.train] ?? []).prefix(count)
        few.splits = [.train: Array(subjects), .test: Array(subjects)]
        let nearest = try nearestCenter(few, members)
        var configuration = access.configuration
        configuration.localEpochs = epochs
        (configuration.rateCourse, configuration.warmupRounds) = (.constant, 0)
        let method = try configuration.method(
            heads: [cohort.classes.count],
            population: Population(
                centers: others.count + 1, hasEqualClasses: Set((others + [cohort]).map(\.classes)).count == 1))
        let state = method.state(of: cohort.center, seed: configuration.seed)
        state.copyValues(from: try access.state(of: access.participant(of: nearest.center), cohorts: others))
        let server = try access.server(method)
        method.begin(state, round: configuration.rounds + 1, server)
        // Training samples are kept by the participant's name, and this one has more of them every time.
        let samples = try CenterData(configuration, capacity: 1, warn: Messages.warn).trainingSamples(Participant(few))
        var progress = RoundProgress.Center()
        try LocalTraining(center: cohort.center, configuration, method).run(
            round: 1, samples: samples, state: state, server: server, services: .here, progress: &progress
        ) { _ in
            state.steps += 1
            try between()
            return true
        }
        return Segmenter(state, method, prediction)
    }

    /// The center whose network segments some labelled subjects best.
    private func nearestCenter(
        _ few: Cohort, _ members: [(segmenter: Segmenter, classes: [String])]
    ) throws -> Cohort {
        var best = (cohort: others[0], dice: -1.0)
        for (other, member) in zip(others, members) {
            let segmenter = EnsembleSegmenter(classes: few.classes, [member], prediction)
            let dice = try evaluation.score(few, split: .test, by: segmenter).mean ?? 0
            if dice > best.dice { best = (other, dice) }
            try between()
        }
        return best.cohort
    }
}

extension CenterState {
    /// Takes over the values of another center's state that have the same names and shapes here; optimizers begin anew.
    func copyValues(from other: CenterState) {
        for variable in variables where other.holds(variable.name, of: variable.part) {
            let (own, theirs) = (self[variable.name, variable.part], other[variable.name, variable.part])
            let known = Dictionary(uniqueKeysWithValues: theirs.layout.entries.map { ($0.name, $0) })
            for entry in own.layout.entries {
                guard let source = known[entry.name], source.shape == entry.shape else { continue }
                _ = own[entry.range].update(from: theirs[source.range])
            }
        }
    }
}
