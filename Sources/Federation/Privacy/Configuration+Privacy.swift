import FederatedLearning

extension Configuration {
    /// Whether centers mask what they contribute by a method: not where nothing is exchanged.
    func masksContributions(_ method: any FederatedMethod) -> Bool {
        privacy.secureAggregation && method.exchangesSomething()
    }

    /// Whether the run has something to hide.
    func hidesSomething(_ method: any FederatedMethod) -> Bool {
        masksContributions(method) || privacy.differential.isEnabled
    }

    /// What the run hides, for a person.
    func hidden(_ method: any FederatedMethod) -> String {
        [
            masksContributions(method) ? "contributions are masked, the server learns their sum" : nil,
            ReleasedNoise(self).map { "the sum gets noise; \($0.loss(after: rounds).text)" },
        ].compactMap { $0 }.joined(separator: "; ")
    }
}
