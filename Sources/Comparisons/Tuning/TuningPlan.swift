import CardiacMR
import FederatedLearning
import Federation
import Foundation
import Tensors

/// A random search for a method's learning rate and settings: as many trainings for every method, judged on validation cases.
package struct TuningPlan: SeriesPlan, Equatable {
    /// One training with the settings that it tries.
    package struct Trial: Codable, Equatable, Sendable {
        /// The training.
        package var run: PlannedRun
        /// What it tries: `key=value`; none for the first of a method, which has the settings that the search begins with.
        package var settings: [String]
    }

    /// All of them, method by method.
    package var trials: [Trial]

    /// See ``SeriesPlan``.
    package var runs: [PlannedRun] { trials.map(\.run) }

    /// See ``SeriesPlan``.
    package func check(continues old: TuningPlan, in folder: String) throws(FederationError) {
        try PlannedRun.check(runs, continue: old.runs, in: folder)
    }

    /// Plans a search.
    /// - Parameters:
    ///   - methods: names of methods.
    ///   - trials: trainings of each, the one with the settings as they are included.
    ///   - seed: what the tried values follow from.
    ///   - preset: as for a training, as are `file`, `settings` and `data`.
    ///   - warn: told what of all methods is left out.
    package init(
        methods: [String], trials count: Int, seed: UInt64, preset: String?, file: String?, settings: [String],
        data: String?, warn: (String) -> Void
    ) throws {
        trials = []
        for (method, isChosen) in ComparisonPlan.expanded(methods)
        where !trials.contains(where: { $0.run.variant == method }) {
            let about = try ComparisonPlan.method(method).type.about
            func resolve(_ tried: [String]) throws(FederationError) -> Configuration {
                var configuration = try Configuration.resolve(
                    preset: preset, files: [file].compactMap { $0 }, settings: settings + ["method=\(method)"] + tried,
                    data: data, leavesOutOtherMethods: true)
                configuration.makePathsAbsolute()
                return configuration
            }
            if let refusal = try Self.refusal(resolve([])) {
                guard !isChosen else { throw refusal }
                warn("\(method) is left out: \(refusal.subject): \(refusal.reason); \(refusal.remedy)")
                continue
            }
            for index in 0..<count {
                let tried = index == 0 ? [] : Self.draw(about, seed: seed, trial: index, from: settings)
                let configuration = try resolve(tried)
                let run = PlannedRun(
                    name: "\(method)-trial-\(index)", variant: method, seed: configuration.seed,
                    configuration: configuration)
                trials.append(Trial(run: run, settings: tried))
            }
        }
    }

    /// Why the method does not suit the settings; nil where it does.
    /// - Throws: where no method can be tuned with these.
    private static func refusal(_ configuration: Configuration) throws -> FederationError? {
        guard let data = configuration.data else {
            throw FederationError.usage("tune", "without data", "no cohorts are named", "give --data")
        }
        let cohorts = try configuration.loadCohorts()
        guard configuration.evaluateSplit == .validation, configuration.evaluateEvery > 0 else {
            throw FederationError.usage(
                "tune", "with these settings",
                "nothing is measured on validation cases: evaluate_split is test or evaluate_every 0",
                "set evaluate_split=validation and evaluate_every above 0")
        }
        guard cohorts.contains(where: { !$0.cases(in: .validation).isEmpty }) else {
            throw FederationError.usage(
                "tune", "on \(data)", "no center has validation cases, and nothing is chosen by test cases",
                "add subjects to \"splits.validation\" in cohort.json, or set cohorts.folds")
        }
        do { _ = try configuration.methods(of: Participant.all(cohorts, of: configuration.method)) } catch {
            return error
        }
        return nil
    }

    /// The values that a trial tries of the learning rate and of each setting that is searched for, but for those that are
    /// given.
    package static func draw(_ about: MethodDescription, seed: UInt64, trial: Int, from given: [String]) -> [String] {
        let keys = given.map(PlannedRun.key)
        return about.searched.filter { !keys.contains($0.name) }.map { name, range in
            // Each value has numbers of its own: another setting more does not change it.
            var random = RandomStream(seed: seed, purpose: "tune/\(about.name)/\(name)", trial)
            return "\(name)=\(value(in: range, &random))"
        }
    }

    private static func value(in range: SearchRange, _ random: inout RandomStream) -> String {
        func text(_ value: Double) -> String { String(format: "%.3g", value) }
        switch range {
        case .logarithmic(let bounds):
            return text(exp(random.uniform(in: log(bounds.lowerBound)...log(bounds.upperBound))))
        case .even(let bounds): return text(random.uniform(in: bounds))
        case .among(let values): return values[random.index(below: values.count)]
        }
    }
}

/// What came of a trial.
package struct TrialResult: Codable, Sendable {
    /// The best mean validation Dice of the training; nil where it had none.
    package var dice: Double?
    /// The round of it.
    package var round: Int?
    /// Why the training could not be finished: its loss was not finite. Nil where it was.
    package var failure: String?
    /// Seconds of all rounds together.
    package var seconds: Double

    /// A training whose loss was not finite.
    package init(failure: String) { (self.failure, seconds) = (failure, 0) }

    /// A training that ended.
    init(dice: Double?, round: Int?, seconds: Double) {
        (self.dice, self.round, self.seconds) = (dice, round, seconds)
    }
}
