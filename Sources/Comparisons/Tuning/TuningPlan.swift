import CardiacMR
import FederatedLearning
import Federation
import Foundation
import Tensors

/// A random search for a method's learning rate and settings: as many trainings for every method, judged on validation cases.
package struct TuningPlan: Codable, Equatable, Sendable {
    /// One training with the settings that it tries.
    package struct Trial: Codable, Equatable, Sendable {
        /// The training.
        package var run: PlannedRun
        /// What it tries: `key=value`; none for the first of a method, which has the settings that the search begins with.
        package var settings: [String]
    }

    /// All of them, method by method.
    package var trials: [Trial]

    /// Plans a search.
    /// - Parameters:
    ///   - methods: names of methods.
    ///   - trials: trainings of each, the one with the settings as they are included.
    ///   - seed: what the tried values follow from.
    ///   - preset: as for a training, as are `file`, `settings` and `data`.
    package init(
        methods: [String], trials count: Int, seed: UInt64, preset: String?, file: String?, settings: [String],
        data: String?
    ) throws {
        trials = []
        for method in methods {
            let about = try ComparisonPlan.method(method).type.about
            for index in 0..<count {
                let tried = index == 0 ? [] : Self.draw(about, seed: seed, trial: index, from: settings)
                var configuration = try Configuration.resolve(
                    preset: preset, files: [file].compactMap { $0 }, settings: settings + ["method=\(method)"] + tried,
                    data: data, leavesOutOtherMethods: true)
                configuration.makePathsAbsolute()
                if index == 0 { try Self.check(configuration) }
                let run = PlannedRun(
                    name: "\(method)-trial-\(index)", variant: method, seed: configuration.seed,
                    configuration: configuration)
                trials.append(Trial(run: run, settings: tried))
            }
        }
    }

    private static func check(_ configuration: Configuration) throws {
        let cohorts = try configuration.loadCohorts()
        _ = try configuration.methods(of: Participant.all(cohorts, of: configuration.method))
        guard cohorts.contains(where: { !$0.cases(in: .validation).isEmpty }), configuration.evaluateEvery > 0 else {
            throw FederationError(
                kind: .configuration, attempted: "tune on", subject: configuration.data ?? "",
                reason: configuration.evaluateEvery > 0
                    ? "no center has validation cases, and nothing is chosen by test cases" : "evaluate_every is 0",
                remedy: "add subjects to \"splits.validation\" in cohort.json, or set evaluate_every above 0")
        }
    }

    /// The values that a trial tries of the learning rate and of each setting that is searched for, but for those that are
    /// given.
    package static func draw(_ about: MethodDescription, seed: UInt64, trial: Int, from given: [String]) -> [String] {
        func isGiven(_ key: String) -> Bool { given.contains { $0.hasPrefix("\(key)=") } }
        return about.searched.filter { !isGiven($0.name) }.map { name, range in
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
