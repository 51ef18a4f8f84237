import CardiacMR
import FederatedLearning
import Foundation
import MPI
import Tensors

/// A round: broadcast, local training, aggregation.
extension TrainingRun {
    /// How a round went on all ranks.
    struct Ending {
        /// Whether all centers have done their part, and the server's model is the average.
        var isComplete: Bool
        /// Whether the run is to stop.
        var stops: Bool
        /// How far this rank's centers are.
        var progress: RoundProgress
    }

    /// Trains the round's centers and aggregates.
    /// - Parameters:
    ///   - before: what was done of the round before.
    ///   - isCheckpointed: whether a checkpoint follows.
    func train(_ round: Int, continuing before: RoundProgress, isCheckpointed: Bool) throws -> Ending {
        let plan = RoundPlan(
            round: round, volumes: volumes, participation: configuration.participation,
            dropout: configuration.dropout, stragglers: configuration.stragglers,
            weighting: configuration.weighting, seed: configuration.seed)
        console.begin(round: round, steps: plan.centers.reduce(0) { $0 + steps(of: $1) }, done: before.steps)
        let moves = try balance(plan)
        try rank.communicate { ranks throws(MPIError) in try aggregation.broadcast(ranks) }
        // All ranks are here, so the files of centers that move are written.
        for move in moves where move.to == rank.rank {
            store.adopt(cohorts[move.center].center, trainedRound: trainedRounds[move.center])
        }

        aggregation.reset()
        var progress = RoundProgress()
        var told: [String: RunConsole.CenterRound] = [:]
        var isUnfinished = false
        if let moduleServer, let modules {
            try serve(moduleServer, modules, round, isCheckpointed: isCheckpointed)
        } else {
            let mine = plan.centers.filter { assignment.rankOf[$0] == rank.rank }
            // Who is in memory comes first: the others take its place later.
            let isHere = mine.map { store.isResident(cohorts[$0].center) }
            let order = zip(mine, isHere).filter(\.1).map(\.0) + zip(mine, isHere).filter { !$0.1 }.map(\.0)
            for (index, center) in order.enumerated() {
                let name = cohorts[center].center
                var part = before.centers[name] ?? RoundProgress.Center()
                let next = index + 1 < order.count ? order[index + 1] : nil
                if part.steps == steps(of: center) {
                    try add(store.state(of: name), center, plan)
                    told[name] = .init(losses: part.means)
                } else if !notice.isRaised {
                    told[name] = try train(center, plan, &part, next: next, isCheckpointed: isCheckpointed)
                }
                if part.steps > 0 { progress.centers[name] = part }
                isUnfinished = isUnfinished || part.steps < steps(of: center)
            }
            if isRemote { try RootChannel.finish(rank) }
        }
        let (isAnyUnfinished, stops) = try agree(isUnfinished)
        guard !isAnyUnfinished else { return Ending(isComplete: false, stops: true, progress: progress) }
        if let modules, modules.parts.contains(where: aggregation.exchanges) {
            for center in plan.centers {
                try modules.withState(of: cohorts[center].center) { try add($0, center, plan) }
            }
        }
        try rank.communicate { ranks throws(MPIError) in try aggregation.aggregate(ranks) }
        for center in plan.centers { trainedRounds[center] = round }
        let all = try console.end(round: round, plan: plan, cohorts: cohorts, centers: told)
        for center in plan.centers {
            // The newest measurement counts most: machines change during long runs.
            guard let seconds = all[cohorts[center].center]?.secondsPerStep else { continue }
            stepSeconds[center] = stepSeconds[center].map { 0.5 * $0 + 0.5 * seconds } ?? seconds
        }
        return Ending(isComplete: true, stops: stops, progress: progress)
    }

    /// Steps of a center in a round.
    private func steps(of center: Int) -> Int { volumes[center] * configuration.localEpochs }

    /// Whether a rank has not done all, and whether the run is to stop; the same on all ranks.
    /// - Throws: on all ranks where one could not write.
    private func agree(_ isUnfinished: Bool) throws -> (isAnyUnfinished: Bool, stops: Bool) {
        var flags = [isUnfinished, notice.isRaised, checkpoints.hasFailed].map { Int64($0 ? 1 : 0) }
        try rank.communicate { ranks throws(MPIError) in
            try flags.withUnsafeMutableBufferPointer { flags throws(MPIError) in try ranks.allReduce(flags, .maximum) }
        }
        if flags[2] > 0 { try rank.clock.measure(.checkpoint) { try checkpoints.agree() } }
        return (flags[0] > 0, flags[1] > 0)
    }

    /// Spreads the round's work over the ranks by the time that steps have taken. Returns the moves.
    private func balance(_ plan: RoundPlan) throws -> [CenterAssignment.Move] {
        guard centersMayMove, rank.size > 2 else { return [] }
        var moves: [CenterAssignment.Move] = []
        if rank.isRoot {
            let known = stepSeconds.compactMap { $0 }
            let usual = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
            let seconds = plan.centers.map { Double(steps(of: $0)) * (stepSeconds[$0] ?? usual) }
            moves = assignment.moves(plan.centers, seconds: seconds)
        }
        moves = try rank.broadcast(moves)
        assignment.apply(moves)
        let leaving = moves.filter { $0.from == rank.rank }.map { cohorts[$0.center].center }
        if !leaving.isEmpty {
            try rank.clock.measure(.checkpoint) {
                try store.release(leaving)
                disk.drain()
            }
        }
        return moves
    }

    /// The root's part of a round with root placement.
    private func serve(
        _ moduleServer: ModuleServer, _ modules: CenterStore, _ round: Int, isCheckpointed: Bool
    ) throws {
        try moduleServer.serve(
            prepare: { center, state in
                if state.steps == 0 { method(center).begin(state, aggregation.server) }
                modules.begin(state)
            },
            stepped: { center, state in
                state.steps += 1
                if state.steps == steps(of: center) {
                    try rank.clock.measure(.checkpoint) {
                        try modules.finish(state, round: round, isCheckpointed: isCheckpointed)
                    }
                }
                console.stepped()
                try tend()
            })
    }

    /// A center's part of a round, on the rank that hosts it.
    private func train(
        _ center: Int, _ plan: RoundPlan, _ part: inout RoundProgress.Center, next: Int?, isCheckpointed: Bool
    ) throws -> RunConsole.CenterRound {
        let cohort = cohorts[center]
        rank.communicator.context = "center \(cohort.center), round \(plan.round)"
        let state = try rank.clock.measure(.checkpoint) { try store.state(of: cohort.center) }
        if state.steps == 0 { method(center).begin(state, aggregation.server) }
        store.begin(state)
        let (start, waited, before) = (monotonicSeconds(), rank.communicator.waitSeconds, part.steps)
        try rank.clock.measure(.compute) {
            let samples = try data.trainingSamples(cohort)
            if let next {
                store.prefetch(cohorts[next].center)
                data.prefetch(cohorts[next])
            }
            notice.beginStep()
            try LocalTraining(center: cohort.center, configuration, method(center)).run(
                round: plan.round, samples: samples, state: state, server: aggregation.server,
                services: services(center), progress: &part
            ) { losses in
                state.steps += 1
                notice.endStep()
                console.stepped(losses)
                try tend()
                notice.beginStep()
                return !notice.isRaised
            }
        }
        let seconds = monotonicSeconds() - start - (rank.communicator.waitSeconds - waited)
        if part.steps == steps(of: center) {
            try rank.clock.measure(.checkpoint) {
                try store.finish(state, round: plan.round, isCheckpointed: isCheckpointed)
            }
            try add(state, center, plan)
        }
        return .init(losses: part.means, secondsPerStep: seconds / Double(max(1, part.steps - before)))
    }

    /// Adds a center's contribution to this rank's part of the sums.
    private func add(_ state: CenterState, _ center: Int, _ plan: RoundPlan) throws {
        guard let weight = plan.weight(of: center) else { return }
        try aggregation.add(state, weight: weight)
    }

    /// What trains a center.
    func method(_ center: Int) -> any FederatedMethod { store.method(of: cohorts[center].center) }

    /// The way to what of a center's method runs elsewhere.
    func services(_ center: Int) -> Services {
        guard isRemote else { return .here }
        return Services(channel: RootChannel(rank, center: center, operations: method(center).operations))
    }
}

extension RoundProgress.Center {
    /// The mean losses of the steps that are done.
    fileprivate var means: [Double] { losses.map { $0 / Double(max(1, steps)) } }
}
