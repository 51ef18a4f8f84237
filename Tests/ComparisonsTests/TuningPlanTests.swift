import Comparisons
import FederatedLearning
import Federation
import Methods
import Testing

@Suite("Searching for settings")
struct TuningPlanTests {
    @Test(
        "every method's ranges lie within what its settings accept, as do its ablations",
        arguments: 0..<MethodRegistry.all.count)
    func ranges(_ index: Int) throws {
        let about = MethodRegistry.all[index].about
        for trial in 1...50 {
            let drawn = TuningPlan.draw(about, seed: 7, trial: trial, from: [])
            #expect(drawn.contains { $0.hasPrefix("learning_rate=") })
            let configuration = try Configuration.resolve(settings: ["method=\(about.name)"] + drawn)
            #expect(about.rates.contains(configuration.learningRate))
        }
        for ablation in about.ablations {
            let changed = try Configuration.resolve(settings: ["method=\(about.name)"] + ablation.settings)
            #expect(changed != (try Configuration.resolve(settings: ["method=\(about.name)"])), "\(ablation.name)")
        }
    }

    @Test("a value follows from seed, method, key and trial alone; what is given is not searched for")
    func draws() {
        let about = Configuration.Method(rawValue: "moon")?.type.about
        guard let about else { return #expect(Bool(false), "moon is a method") }
        let all = TuningPlan.draw(about, seed: 1, trial: 3, from: [])
        #expect(all == TuningPlan.draw(about, seed: 1, trial: 3, from: ["rounds=3"]))
        #expect(all != TuningPlan.draw(about, seed: 2, trial: 3, from: []))
        #expect(all != TuningPlan.draw(about, seed: 1, trial: 4, from: []))
        let rest = TuningPlan.draw(about, seed: 1, trial: 3, from: ["moon.mu=2"])
        #expect(rest == all.filter { !$0.hasPrefix("moon.mu=") })
        #expect(rest.count == all.count - 1)
    }

    @Test("rates are spread evenly over the orders of magnitude")
    func spread() throws {
        let about = try #require(Configuration.Method(rawValue: "fedavg")).type.about
        let rates = try (1...400).map { trial in
            try Configuration.resolve(settings: TuningPlan.draw(about, seed: 1, trial: trial, from: [])).learningRate
        }
        let middle = (about.rates.lowerBound * about.rates.upperBound).squareRoot()
        #expect((160...240).contains(rates.count { $0 < middle }))
    }
}
