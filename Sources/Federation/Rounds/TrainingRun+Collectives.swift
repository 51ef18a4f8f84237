import CardiacMR
import FederatedLearning
import MPI
import SecureAggregation

/// What all ranks do together: a round and an evaluation, each collective in the order in which it happens. Between them
/// the rank's host works; with a module on the root that has exchanges of two ranks (``RootChannel``).
extension TrainingRun {
    /// How a round went on all ranks.
    struct Ending {
        /// Whether all centers have done their part, and the server's state is the next one.
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
        let plan = plan(of: round)
        shared.console.begin(
            round: round, steps: plan.centers.reduce(0) { $0 + shared.steps(of: $1) }, done: before.steps)
        // 1. Who moves to which rank, as the root says.
        let moves = centersMayMove && rank.size > 2 ? try rank.broadcast(rank.isRoot ? moves(plan) : []) : []
        try release(moves)
        // 2. What the server sends. Where that is nothing, the ranks meet for the moves' sake.
        try rank.communicate { ranks throws(MPIError) in
            try shared.aggregation.broadcast(ranks)
            if shared.aggregation.server.contents.isEmpty, !moves.isEmpty { try ranks.barrier() }
        }
        try shared.aggregation.broadcastBound(rank)
        if secureRounds != nil { try shared.aggregation.requireSameBroadcast(rank) }
        // All ranks are here, so the files of centers that move are written.
        for move in moves where move.to == rank.rank {
            shared.store.adopt(participants[move.center].name, trainedRound: trainedRounds[move.center])
        }
        shared.aggregation.reset()
        // 3. Training, with its exchanges.
        let hosted = try host.train(plan, continuing: before, isCheckpointed: isCheckpointed)
        if round < configuration.rounds, !hosted.isUnfinished { host.lookAhead(self.plan(of: round + 1)) }
        // 4. Whether all have done all.
        let (isAnyUnfinished, stops) = try agree(hosted.isUnfinished)
        guard !isAnyUnfinished else { return Ending(isComplete: false, stops: true, progress: hosted.progress) }
        // 5. The sums of what the centers contribute.
        try host.contributeForOthers(plan)
        try aggregate(plan)
        shared.checkpoints.released = released
        for center in plan.centers { trainedRounds[center] = round }
        // 6. What the ranks report of their centers.
        if let all = try rank.gather(hosted.reports) {
            let reports = all.reduce(into: [String: CenterReport]()) { $0.merge($1) { $1 } }
            let losses =
                configuration.addsUpReports
                ? ReportedLosses(sums: shared.aggregation.reportedLosses, plan)
                : ReportedLosses(reports.mapValues(\.losses), plan, names: participants.map(\.name))
            try shared.console.end(
                round: round, plan: plan, names: participants.map(\.name), losses: losses, released: released)
            note(reports, plan)
        }
        return Ending(isComplete: true, stops: stops, progress: hosted.progress)
    }

    private func plan(of round: Int) -> RoundPlan {
        RoundPlan(round: round, volumes: shared.volumes, configuration, sampling: sampling)
    }

    /// Adds up what the centers contribute, and makes the sum the server's next state.
    private func aggregate(_ plan: RoundPlan) throws {
        let (aggregation, noise) = (shared.aggregation, shared.aggregation.noise)
        if let known = privacyRecord {
            let record = try counted(known, exchange: secureRounds != nil, release: noise != nil)
            privacyRecord = record
            if let secureRounds {
                let hosted = Set(shared.assignment.centers(of: rank.rank))
                return try secureRounds.aggregate(plan, aggregation, record, hosted: hosted)
            }
        }
        guard let noise else {
            return try rank.communicate { ranks throws(MPIError) in try aggregation.aggregate(ranks) }
        }
        try rank.communicate { ranks throws(MPIError) in try aggregation.reduce(ranks) }
        guard rank.isRoot else { return }
        rank.clock.measure(.compute) {
            aggregation.add(
                noise, noise.key(round: plan.round, center: nil),
                weight: RoundPlan.expectedWeight(configuration, centers: participants.count), shares: 1)
            aggregation.update()
        }
    }

    /// The scores after a round, on the root; nil elsewhere. Cases stay with the ranks that host them.
    func evaluate(_ split: Split, after round: Int) throws -> ReportedScores? {
        try rank.clock.measure(.evaluate) {
            let means = try host.evaluate(split)
            guard configuration.addsUpReports else {
                return try rank.gather(means).map { all in
                    ReportedScores(all.flatMap { $0 }.sorted { $0.center < $1.center })
                }
            }
            // Where one is to stop, its centers' scores are not all there.
            guard try !isToStop() else { return nil }
            return try addUp(means, after: round)
        }
    }

    /// The sums of all centers' scores, on the root; nil elsewhere.
    private func addUp(_ means: [CenterMeans], after round: Int) throws -> ReportedScores? {
        let panel = ScoreSums(participants.flatMap(\.cohorts), fewest: SecureServer.fewestSurvivors)
        let sums = ReportSums(count: panel.count)
        for score in means { sums.add(panel.values(score)) }
        if let secureRounds, let known = privacyRecord {
            let record = try counted(known, exchange: true, release: false)
            privacyRecord = record
            let hosted = Set(shared.assignment.centers(of: rank.rank))
            try secureRounds.addUp(sums, after: round, record, hosted: hosted)
        } else {
            try rank.communicate { ranks throws(MPIError) in try sums.reduce(ranks) }
        }
        return rank.isRoot ? panel.scores(sums.values) : nil
    }

    /// The run's record once an exchange or a release is counted, on disk before anything leaves a center.
    private func counted(_ record: PrivacyRecord, exchange: Bool, release: Bool) throws -> PrivacyRecord {
        try rank.onRoot {
            var record = record
            try record.begin(exchange: exchange, release: release, in: folder)
            return record
        }
    }

    /// Whether a rank has been asked to stop; the same on all.
    func isToStop() throws -> Bool {
        try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(shared.notice.isRaised ? 1 : 0), .maximum)
        } > 0
    }

    /// Steps of a round that was stopped, over all ranks.
    func steps(of progress: RoundProgress) throws -> Int {
        let steps = try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(progress.steps), .sum)
        }
        return Int(steps)
    }

    /// Every rank's time by phase, on the root.
    func phases() throws -> [[Double]]? { try rank.gather(rank.clock.record) }

    /// Whether a rank has not done all, and whether the run is to stop; the same on all ranks.
    /// - Throws: on all ranks where one could not write.
    private func agree(_ isUnfinished: Bool) throws -> (isAnyUnfinished: Bool, stops: Bool) {
        var flags = [isUnfinished, shared.notice.isRaised, shared.checkpoints.hasFailed].map { Int64($0 ? 1 : 0) }
        try rank.communicate { ranks throws(MPIError) in
            try flags.withUnsafeMutableBufferPointer { flags throws(MPIError) in try ranks.allReduce(flags, .maximum) }
        }
        if flags[2] > 0 { try rank.clock.measure(.checkpoint) { try shared.checkpoints.agree() } }
        return (flags[0] > 0, flags[1] > 0)
    }

    // MARK: Who computes for whom

    /// The moves that spread a round's work over the ranks, by the time that steps have taken. On the root.
    private func moves(_ plan: RoundPlan) -> [CenterAssignment.Move] {
        let known = stepSeconds.compactMap { $0 }
        let usual = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
        let seconds = plan.centers.map { Double(shared.steps(of: $0)) * (stepSeconds[$0] ?? usual) }
        return shared.assignment.moves(plan.centers, seconds: seconds)
    }

    /// Carries moves out as far as this rank gives centers up.
    private func release(_ moves: [CenterAssignment.Move]) throws {
        shared.assignment.apply(moves)
        let leaving = moves.filter { $0.from == rank.rank }.map { participants[$0.center].name }
        guard !leaving.isEmpty else { return }
        try rank.clock.measure(.checkpoint) {
            try shared.store.release(leaving)
            disk.drain()
        }
    }

    /// Notes how long steps take. On the root.
    private func note(_ reports: [String: CenterReport], _ plan: RoundPlan) {
        for center in plan.centers {
            // The newest measurement counts most: machines change during long runs.
            guard let seconds = reports[participants[center].name]?.secondsPerStep else { continue }
            stepSeconds[center] = stepSeconds[center].map { 0.5 * $0 + 0.5 * seconds } ?? seconds
        }
    }
}
