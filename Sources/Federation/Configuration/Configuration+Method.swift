import CardiacMR
import FederatedLearning
import Methods

extension Configuration {
    /// What the method may be set.
    package var trainingSettings: TrainingSettings {
        var settings = TrainingSettings()
        settings.width = width
        settings.learningRate = learningRate
        settings.optimizer = optimizer
        settings.diceWeight = loss.dice
        settings.crossEntropyWeight = loss.crossEntropy
        settings.own = methodSettings
        return settings
    }

    /// The method for centers of so many classes.
    /// - Parameter population: all centers; nil where nothing is exchanged, as when a center's state is read.
    /// - Throws: a configuration error where settings contradict each other or do not suit the centers.
    package func method(classes: Int, population: Population? = nil) throws(FederationError) -> any FederatedMethod {
        do {
            return try method.type.init(
                trainingSettings, classes: classes,
                population: population ?? Population(centers: 1, hasEqualClasses: true))
        } catch {
            throw FederationError(
                kind: .configuration, attempted: "train by \(method.rawValue) with", subject: error.key,
                reason: error.reason, remedy: error.remedy, cause: error)
        }
    }

    /// The method of each center, by name. Centers of as many classes share one.
    package func methods(of cohorts: [Cohort]) throws(FederationError) -> [String: any FederatedMethod] {
        let population = Population(
            centers: cohorts.count, hasEqualClasses: Set(cohorts.map(\.classes.count)).count <= 1)
        var byClasses: [Int: any FederatedMethod] = [:]
        var methods: [String: any FederatedMethod] = [:]
        for cohort in cohorts {
            let classes = cohort.classes.count
            if byClasses[classes] == nil {
                byClasses[classes] = try method(classes: classes, population: population)
            }
            methods[cohort.center] = byClasses[classes]
        }
        return methods
    }
}
