import SecureAggregation

/// What the root knows of a round's losses: of each center or, where reports are added up, their mean alone.
struct ReportedLosses {
    /// Mean losses of each center's steps, term by term; nil where sums alone are known.
    let centers: [String: [Double]]?
    /// Their mean over the centers, term by term; empty where too few have come.
    let means: [Double]
    /// How many centers it is over.
    let count: Int

    /// Of each center.
    /// - Parameter names: of all participants.
    init(_ centers: [String: [Double]], _ plan: RoundPlan, names: [String]) {
        self.centers = centers
        count = plan.centers.count
        let known = plan.centers.compactMap { centers[names[$0]] }
        means = (0..<(known.first?.count ?? 0)).map { term in
            known.reduce(0) { $0 + $1[term] / Double(plan.centers.count) }
        }
    }

    /// Of the sums over those whose updates count.
    init(sums: [Double], _ plan: RoundPlan) {
        centers = nil
        count = plan.weights.count { $0 > 0 }
        let divisor = Double(count)
        means = count < SecureServer.fewestSurvivors ? [] : sums.map { $0 / divisor }
    }
}
