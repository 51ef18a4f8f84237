import FederatedLearning

extension Configuration {
    /// Whether centers mask what they contribute by a method: not where nothing is exchanged.
    func masksContributions(_ method: any FederatedMethod) -> Bool {
        privacy.secureAggregation && !method.exchanges.isEmpty
    }

    /// What the run hides, for a person; nil where it hides nothing.
    func hidden(_ method: any FederatedMethod) -> String? {
        var texts: [String] = []
        if masksContributions(method) { texts.append("contributions are masked, the server learns their sum") }
        if let noise = ReleasedNoise(self) {
            let loss = noise.loss(after: rounds)
            let text = String(format: "epsilon %.3f at delta %g after %d rounds", loss.epsilon, loss.delta, rounds)
            texts.append("the sum gets noise: \(text)" + (loss.isInsecure ? ", NOT private: its seed is known" : ""))
        }
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }
}
