import CardiacMR
import FederatedLearning
import MPI
import Tensors

/// A rank that trains and evaluates the centers that are assigned to it, one after the other.
final class CenterHost: Host {
    private let run: RunEnvironment
    /// Whether a part of the centers' states, and what computes with it, are on the root.
    private let isRemote: Bool

    init(_ run: RunEnvironment, isRemote: Bool) {
        self.run = run
        self.isRemote = isRemote
    }

    func train(
        _ plan: RoundPlan, continuing before: RoundProgress, isCheckpointed: Bool
    ) throws -> HostedRound {
        try openLinks()
        var result = HostedRound()
        let order = order(plan)
        for (index, center) in order.enumerated() {
            let name = run.participants[center].name
            var part = before.centers[name] ?? RoundProgress.Center()
            let next = index + 1 < order.count ? order[index + 1] : nil
            if part.steps == run.steps(of: center) {
                let state = try run.store.state(of: name)
                recall(&part, state, center)
                try run.add(state, center, plan)
                run.report(center, CenterReport(losses: part.means), plan, in: &result)
            } else if !run.notice.isRaised {
                let report = try train(center, plan, &part, next: next, isCheckpointed: isCheckpointed)
                if part.steps == run.steps(of: center) { run.report(center, report, plan, in: &result) }
            }
            // The center's own file has them then.
            if run.configuration.addsUpReports { part.losses = [] }
            if part.steps > 0 { result.progress.centers[name] = part }
            result.isUnfinished = result.isUnfinished || part.steps < run.steps(of: center)
        }
        if isRemote { try RootChannel.finish(run.rank) }
        return result
    }

    /// The plan's centers that are hosted here. Who is in memory comes first: the others take its place later.
    private func order(_ plan: RoundPlan) -> [Int] {
        let mine = plan.centers.filter { run.assignment.rankOf[$0] == run.rank.rank }
        let isHere = mine.map { run.store.isResident(run.participants[$0].name) }
        return zip(mine, isHere).filter(\.1).map(\.0) + zip(mine, isHere).filter { !$0.1 }.map(\.0)
    }

    func lookAhead(_ plan: RoundPlan) { order(plan).first.map(prefetch) }

    private func prefetch(_ center: Int) {
        run.store.prefetch(run.participants[center].name)
        run.data.prefetch(run.participants[center])
    }

    func contributeForOthers(_ plan: RoundPlan) {}

    func evaluate(_ split: Split) throws -> [CenterMeans] {
        try openLinks()
        var means: [CenterMeans] = []
        for center in run.assignment.centers(of: run.rank.rank) where !run.notice.isRaised {
            let participant = run.participants[center]
            let state = try run.store.state(of: participant.name)
            for cohort in participant.cohorts where !run.notice.isRaised {
                let segmenter = Segmenter(
                    state, run.method(center), head: participant.head(of: cohort), run.configuration.prediction,
                    services: services(center))
                let score = try Evaluation(run.data, absent: run.configuration.evaluateAbsent).score(
                    cohort, split: split, by: segmenter
                ) {
                    try run.betweenSteps()
                    return !run.notice.isRaised
                }
                means.append(score.means)
            }
        }
        if isRemote { try RootChannel.finish(run.rank) }
        return means
    }

    /// A center's part of a round.
    private func train(
        _ center: Int, _ plan: RoundPlan, _ part: inout RoundProgress.Center, next: Int?, isCheckpointed: Bool
    ) throws -> CenterReport {
        let (rank, store, participant) = (run.rank, run.store, run.participants[center])
        rank.communicator.context = "center \(participant.name), round \(plan.round)"
        let state = try rank.clock.measure(.checkpoint) { try store.state(of: participant.name) }
        recall(&part, state, center)
        if state.steps == 0 { run.method(center).begin(state, round: plan.round, run.aggregation.server) }
        store.begin(state)
        let (start, waited, before) = (monotonicSeconds(), rank.communicator.waitSeconds, part.steps)
        try rank.clock.measure(.compute) {
            let samples = try run.data.trainingSamples(participant)
            next.map(prefetch)
            run.notice.beginStep()
            try LocalTraining(center: participant.name, run.configuration, run.method(center)).run(
                round: plan.round, samples: samples, state: state, server: run.aggregation.server,
                services: services(center), validation: { [run] in try run.data.validationVolumes(participant) },
                progress: &part
            ) { losses in
                state.steps += 1
                run.notice.endStep()
                run.console.stepped(run.configuration.addsUpReports ? nil : losses)
                try run.betweenSteps()
                run.notice.beginStep()
                return !run.notice.isRaised
            }
        }
        state.losses = run.configuration.addsUpReports ? part.losses : []
        let seconds = monotonicSeconds() - start - (rank.communicator.waitSeconds - waited)
        if part.steps == run.steps(of: center) {
            try rank.clock.measure(.checkpoint) {
                try store.finish(state, round: plan.round, isCheckpointed: isCheckpointed)
            }
            try run.add(state, center, plan)
        }
        return CenterReport(losses: part.means, secondsPerStep: seconds / Double(max(1, part.steps - before)))
    }

    /// Takes the losses of steps that are done out of the center's own file, where the manifest does not tell them.
    private func recall(_ part: inout RoundProgress.Center, _ state: CenterState, _ center: Int) {
        guard part.steps > 0, part.losses.isEmpty, state.losses.count == run.method(center).terms.count else { return }
        part.losses = state.losses
    }

    /// Links the ranks with a root that computes for them, before any of them is busy.
    private func openLinks() throws {
        guard isRemote else { return }
        _ = try run.rank.communicate { ranks throws(MPIError) in try ranks.links() }
    }

    /// The way to what of a center's method runs elsewhere.
    private func services(_ center: Int) -> Services {
        guard isRemote else { return .here }
        return Services(
            channel: RootChannel(run.rank, center: center, operations: run.method(center).operations))
    }
}

extension RoundProgress.Center {
    /// The mean losses of the steps that are done.
    fileprivate var means: [Double] { losses.map { $0 / Double(max(1, steps)) } }
}
