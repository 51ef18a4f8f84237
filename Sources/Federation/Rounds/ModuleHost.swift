import CardiacMR
import FederatedLearning

/// The root where it holds a part of all centers' states: it computes with that part for the ranks that train the centers.
final class ModuleHost: Host {
    private let run: RunEnvironment
    private let modules: CenterStore
    private let server: ModuleServer

    /// - Parameter modules: the states' part that is here.
    init(_ run: RunEnvironment, _ modules: CenterStore, methods: [String: any FederatedMethod]) {
        self.run = run
        self.modules = modules
        server = ModuleServer(run.rank, store: modules, centers: run.participants.map(\.name), methods: methods)
    }

    func train(
        _ plan: RoundPlan, continuing before: RoundProgress, isCheckpointed: Bool
    ) throws -> HostedRound {
        try server.serve(
            prepare: { center, state in
                if state.steps == 0 { run.method(center).begin(state, round: plan.round, run.aggregation.server) }
                modules.begin(state)
            },
            rateFactor: { center, state in
                run.configuration.schedule.factor(round: plan.round, step: state.steps, of: run.steps(of: center))
            },
            stepped: { center, state in
                state.steps += 1
                if state.steps == run.steps(of: center) {
                    try run.rank.clock.measure(.checkpoint) {
                        try modules.finish(state, round: plan.round, isCheckpointed: isCheckpointed)
                    }
                }
                run.console.stepped()
                try run.betweenSteps()
            })
        return HostedRound()
    }

    func contributeForOthers(_ plan: RoundPlan) throws {
        guard modules.parts.contains(where: run.aggregation.exchanges) else { return }
        for center in plan.centers {
            try modules.withState(of: run.participants[center].name) { try run.add($0, center, plan) }
        }
    }

    func evaluate(_ split: Split) throws -> [CenterMeans] {
        try server.serve()
        return []
    }
}
