import CardiacMR
import FedCRLD

extension Configuration {
    /// What a client step depends on.
    package var stepSettings: StepSettings {
        StepSettings(learningRate: learningRate, momentum: momentum, weights: loss)
    }

    /// The network of a center with so many classes.
    package func network(classes: Int) -> ClientNetwork {
        ClientNetwork(width: width, classes: classes, attentionScale: crl.attentionScale)
    }

    /// The network of each center, by name. Centers of as many classes share one description.
    package func networks(of cohorts: [Cohort]) -> [String: ClientNetwork] {
        var byClasses: [Int: ClientNetwork] = [:]
        var networks: [String: ClientNetwork] = [:]
        for cohort in cohorts {
            let classes = cohort.classes.count
            let network = byClasses[classes] ?? network(classes: classes)
            byClasses[classes] = network
            networks[cohort.center] = network
        }
        return networks
    }
}
