import Federation
import Testing

@Suite("Round plan")
struct RoundPlanTests {
    private static func plan(
        _ round: Int, volumes: [Int] = [Int](repeating: 4, count: 10), participation: Double = 1,
        dropout: Double = 0, stragglers: Double = 0, weighting: Configuration.Weighting = .uniform,
        seed: UInt64 = 1
    ) -> RoundPlan {
        RoundPlan(
            round: round, volumes: volumes, participation: participation, dropout: dropout,
            stragglers: stragglers, weighting: weighting,
            seed: seed)
    }

    @Test(
        "chooses the nearest number of centers to the fraction, at least one",
        arguments: [(1.0, 10), (0.5, 5), (0.44, 4), (0.46, 5), (0.1, 1), (0.01, 1)])
    func sizes(_ participation: Double, _ count: Int) {
        for round in 1...20 {
            let plan = Self.plan(round, participation: participation)
            #expect(plan.centers.count == count)
            #expect(plan.centers == plan.centers.sorted())
            #expect(Set(plan.centers).count == count)
            #expect(plan.centers.allSatisfy { (0..<10).contains($0) })
            #expect(plan.weights.count == count)
        }
    }

    @Test("is a function of seed and round, and differs between them")
    func seeds() {
        let plans = (1...30).map { Self.plan($0, participation: 0.5) }
        #expect(plans == (1...30).map { Self.plan($0, participation: 0.5) })
        #expect(Set(plans.map(\.centers)).count > 20)
        #expect(plans != (1...30).map { Self.plan($0, participation: 0.5, seed: 2) })
    }

    @Test(
        "a sample that hides centers is Poisson: each by itself, with the weight of an expected round, and there may be none"
    )
    func poisson() {
        var configuration = Configuration()
        configuration.participation = 0.3
        let plans = (1...4000).map {
            RoundPlan(round: $0, volumes: [1, 2, 3, 4, 5], configuration, sampling: 7)
        }
        for center in 0..<5 {
            let often = Double(plans.count { $0.centers.contains(center) })
            #expect(abs(often - 1200) < 5 * (4000 * 0.3 * 0.7).squareRoot())
        }
        // Two at once as often as the product says; nobody as often, too.
        let both = Double(plans.count { $0.centers.contains(0) && $0.centers.contains(4) })
        #expect(abs(both - 360) < 5 * (4000 * 0.09 * 0.91).squareRoot())
        let none = Double(plans.count { $0.centers.isEmpty })
        #expect(abs(none - 4000 * 0.16807) < 5 * (4000 * 0.16807 * 0.83193).squareRoot())
        #expect(plans.allSatisfy { plan in plan.weights.allSatisfy { $0 == 1 / (0.3 * 5) } })
        // It follows from the secret, not from the run's seed.
        configuration.seed = 99
        #expect(plans[3] == RoundPlan(round: 4, volumes: [1, 1, 1, 1, 1], configuration, sampling: 7))
        #expect(
            plans.prefix(50)
                != ArraySlice(
                    (1...50).map {
                        RoundPlan(round: $0, volumes: [1, 1, 1, 1, 1], configuration, sampling: 8)
                    }))
        // Faults leave no one out of it but themselves.
        configuration.dropout = 0.5
        configuration.stragglers = 0.5
        let faulty = (1...2000).map { RoundPlan(round: $0, volumes: [1, 1, 1, 1, 1], configuration, sampling: 7) }
        for (plan, whole) in zip(faulty, plans) {
            #expect((plan.centers + plan.absent).sorted() == whole.centers)
            #expect(zip(plan.centers, plan.weights).allSatisfy { plan.late.contains($0) == ($1 == 0) })
        }
        #expect(faulty.contains { $0.centers.isEmpty && !$0.absent.isEmpty })
    }

    @Test("every center has its turn")
    func fairness() {
        var turns = [Int](repeating: 0, count: 10)
        for round in 1...1000 { for center in Self.plan(round, participation: 0.3).centers { turns[center] += 1 } }
        // 300 each, with a standard deviation of 14.5.
        #expect(turns.allSatisfy { abs($0 - 300) < 65 }, "\(turns)")
    }

    @Test("so many of the chosen centers drop out, at random by seed and round; one stays", arguments: [0, 0.3, 1])
    func dropout(_ probability: Double) {
        let plans = (1...500).map { Self.plan($0, participation: 0.8, dropout: probability) }
        #expect(plans == (1...500).map { Self.plan($0, participation: 0.8, dropout: probability) })
        for (plan, whole) in zip(plans, (1...500).map { Self.plan($0, participation: 0.8) }) {
            #expect(!plan.centers.isEmpty && (plan.centers + plan.absent).sorted() == whole.centers)
            #expect(abs(plan.weights.reduce(0, +) - 1) < 1e-15)
        }
        let absent = plans.reduce(0) { $0 + $1.absent.count }
        // Of 4000, with a standard deviation of at most 29; one of eight stays whatever happens.
        #expect(abs(Double(absent) - min(4000 * probability, 3500)) < 150)
    }

    @Test("late centers train without a weight, at random by seed and round; one is in time", arguments: [0, 0.3, 1])
    func stragglers(_ probability: Double) {
        let plans = (1...500).map { Self.plan($0, dropout: 0.2, stragglers: probability) }
        for (plan, punctual) in zip(plans, (1...500).map { Self.plan($0, dropout: 0.2) }) {
            #expect(plan.centers == punctual.centers && plan.absent == punctual.absent)
            #expect(plan.late.count < plan.centers.count && Set(plan.late).isSubset(of: plan.centers))
            #expect(plan.late.allSatisfy { plan.weight(of: $0) == nil })
            #expect(abs(plan.weights.reduce(0, +) - 1) < 1e-15)
        }
        let taking = plans.reduce(0) { $0 + $1.centers.count }
        let late = plans.reduce(0) { $0 + $1.late.count }
        #expect(abs(Double(late) - min(Double(taking) * probability, Double(taking - 500))) < 150)
    }

    @Test("weights add up to 1", arguments: Configuration.Weighting.allCases, [0.2, 0.7, 1])
    func sum(_ weighting: Configuration.Weighting, _ participation: Double) {
        for round in 1...20 {
            let plan = Self.plan(
                round, volumes: [1, 2, 3, 5, 8, 13, 21], participation: participation, weighting: weighting)
            #expect(abs(plan.weights.reduce(0, +) - 1) < 1e-15)
        }
    }

    @Test("weights are equal, or as the training volumes")
    func weights() {
        let volumes = [6, 2, 8]
        let uniform = Self.plan(1, volumes: volumes)
        #expect(uniform.weights.allSatisfy { $0 == 1.0 / 3 })
        let plan = Self.plan(1, volumes: volumes, weighting: .volumes)
        #expect(plan.weights == [0.375, 0.125, 0.5])
        #expect(plan.weight(of: 2) == 0.5)
        #expect(Self.plan(1, participation: 0.1).weight(of: 99) == nil)
    }
}
