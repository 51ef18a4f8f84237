import FederatedLearning

extension Configuration {
    /// Whether centers mask what they contribute by a method: not where nothing is exchanged.
    func masksContributions(_ method: any FederatedMethod) -> Bool {
        privacy.secureAggregation && method.exchangesSomething()
    }

    /// Whether the server learns sums alone of what centers report.
    var addsUpReports: Bool { privacy.report == .aggregate }

    /// Whether centers mask anything: contributions, or what they report.
    func masksSomething(_ method: any FederatedMethod) -> Bool {
        masksContributions(method) || privacy.secureAggregation && addsUpReports
    }

    /// Whether the run has something to hide of which a record is kept.
    func hidesSomething(_ method: any FederatedMethod) -> Bool {
        masksSomething(method) || privacy.differential.isEnabled
    }

    /// What the run hides, for a person; empty where it hides nothing.
    func hidden(_ method: any FederatedMethod, centers: Int) -> String {
        [
            masksContributions(method) ? "contributions are masked, the server learns their sum" : nil,
            addsUpReports
                ? "losses and Dice are added up" + (privacy.secureAggregation ? " and masked" : ", not masked") : nil,
            ReleasedNoise(self, centers: centers).map { "the sum gets noise; \($0.loss(after: rounds).text)" },
        ].compactMap { $0 }.joined(separator: "; ")
    }
}
