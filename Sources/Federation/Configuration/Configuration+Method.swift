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
        settings.localEpochs = localEpochs
        settings.rounds = rounds
        settings.diceWeight = loss.dice
        settings.crossEntropyWeight = loss.crossEntropy
        settings.diceClasses = loss.diceClasses
        settings.own = methodSettings
        return settings
    }

    /// The method for a participant.
    /// - Parameters:
    ///   - heads: its numbers of classes, head by head.
    ///   - population: all participants; nil where nothing is exchanged, as when a center's state is read.
    /// - Throws: a configuration error where settings contradict each other or do not suit the centers.
    package func method(heads: [Int], population: Population? = nil) throws(FederationError) -> any FederatedMethod {
        do {
            return try method.type.init(
                trainingSettings, heads: heads,
                population: population ?? Population(centers: 1, hasEqualClasses: true))
        } catch {
            throw FederationError(
                kind: .configuration, attempted: "train by \(method.rawValue) with", subject: error.key,
                reason: error.reason, remedy: error.remedy, cause: error)
        }
    }

    /// The method of each participant, by name. Participants of as many classes share one.
    package func methods(of participants: [Participant]) throws(FederationError) -> [String: any FederatedMethod] {
        let population = Population(
            centers: participants.count, hasEqualClasses: Set(participants.map(\.classes)).count <= 1)
        var byHeads: [[Int]: any FederatedMethod] = [:]
        var methods: [String: any FederatedMethod] = [:]
        for participant in participants {
            let heads = participant.heads
            if byHeads[heads] == nil { byHeads[heads] = try method(heads: heads, population: population) }
            methods[participant.name] = byHeads[heads]
        }
        return methods
    }
}
