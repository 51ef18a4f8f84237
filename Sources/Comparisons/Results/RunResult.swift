import CardiacMR
import FederatedLearning
import Federation
import Reports

/// What came of one training of a comparison: the scores of the test cases by its best checkpoint, and what it took.
package struct RunResult: Codable, Sendable {
    /// The validation Dice of the centers after a round.
    package struct Validation: Codable, Sendable {
        /// The round.
        package var round: Int
        /// Mean foreground Dice, center by center.
        package var centers: [String: Double]
    }

    /// The round of the checkpoint that was evaluated: the best on validation cases, where there are some, or the last.
    package var round: Int
    /// Rounds that were trained.
    package var rounds: Int
    /// Each center's test cases; none where a center was left out.
    package var scores: [CenterScore]
    /// The test cases of the center that was left out, by the way in which it is served; nil where none was.
    package var unseen: [String: CenterScore]?
    /// The course of the validation Dice; empty without validation cases.
    package var validations: [Validation]
    /// Each center's divergence from the server's representation in its last round, where the method tells one.
    package var contrast: [String: Double]
    /// Numbers of the network that segments.
    package var parameters: Int
    /// Numbers that a center sends in a round, and gets: the server's side of the same arrays.
    package var exchanged: Int
    /// Seconds of all rounds together; they hang on the machine.
    package var seconds: Double
    /// The records of the data that it was trained on, by center and checksum; nil in results of earlier programs.
    package var data: [String]?
    /// Why the training could not be finished: it has gone astray. Nil where it was.
    package var failure: String?

    /// A training that has gone astray.
    package static func failed(_ reason: String) -> RunResult {
        RunResult(
            round: 0, rounds: 0, scores: [], unseen: nil, validations: [], contrast: [:], parameters: 0, exchanged: 0,
            seconds: 0, data: nil, failure: reason)
    }

    /// The mean validation Dice of the round that was evaluated; nil without validation cases.
    package var validationDice: Double? {
        validations.last { $0.round == round }.flatMap { Distribution($0.centers.values.sorted())?.mean }
    }

    /// Bytes that a center sends and receives in a round: sums are of 64-bit integers, what comes back are 32-bit numbers.
    package var bytesPerRound: Int { 12 * exchanged }
}

/// Finds out what came of a training, on all ranks: each evaluates some centers.
package struct RunJudge {
    private let rank: RankContext
    private let fewShot: ComparisonPlan.FewShot?

    /// The judge on this rank.
    /// - Parameter fewShot: how a center that was left out gets a network of its own; nil: it does not.
    package init(_ rank: RankContext, _ fewShot: ComparisonPlan.FewShot? = nil) {
        (self.rank, self.fewShot) = (rank, fewShot)
    }

    /// Evaluates the test cases of all centers by the run's best checkpoint; where a center was left out, that one's alone.
    /// - Parameter folder: of the run.
    /// - Returns: the result on the root; nil elsewhere.
    package func judge(_ folder: String) throws -> RunResult? {
        let choice: CheckpointChoice = RunFolder(folder).best == nil ? .latest : .best
        return try RunAccess.reading(folder, choice) { access in
            let cohorts = try access.cohorts()
            if let name = access.configuration.cohorts.leftOut.first { return try judge(unseen: name, access, cohorts) }
            let data = try CenterData(access.configuration, capacity: 1, warn: Messages.warn)
            let evaluation = Evaluation(data, absent: access.configuration.evaluateAbsent)
            var own: [CenterScore] = []
            for (index, cohort) in cohorts.enumerated() where index % rank.size == rank.rank {
                own.append(
                    try evaluation.score(
                        cohort, split: .test, by: access.segmenter(of: cohort.center, cohorts: cohorts), measuring: true
                    ) {
                        try rank.communicator.attend()
                        return true
                    })
            }
            guard let scores = try rank.gather(own) else { return nil }
            return try result(access, cohorts, scores: scores.flatMap { $0 })
        }
    }

    private func judge(unseen name: String, _ access: RunAccess, _ cohorts: [Cohort]) throws -> RunResult? {
        guard let cohort = try access.configuration.loadAllCohorts().first(where: { $0.center == name }) else {
            preconditionFailure("who is left out of the cohorts is one of them")
        }
        // One center is the work of one rank; the others answer meanwhile.
        let unseen = try rank.onRoot {
            try UnseenCenter(access, cohort, others: cohorts) { try rank.communicator.attend() }
                .scores(fewShot)
        }
        guard rank.isRoot else { return nil }
        var result = try result(access, cohorts, scores: [])
        result.unseen = unseen
        return result
    }

    private func result(_ access: RunAccess, _ cohorts: [Cohort], scores: [CenterScore]) throws -> RunResult {
        let history = try RunHistory(access.folder)
        var validations: [Int: [String: Double]] = [:]
        if history.split == .validation {
            for (center, course) in history.centers {
                for (round, dice) in course.dice { validations[round, default: [:]][center] = dice }
            }
        }
        let participants = Participant.all(cohorts, of: access.configuration.method)
        let methods = try access.configuration.methods(of: participants)
        guard let method = participants.first.flatMap({ methods[$0.name] }) else {
            preconditionFailure("a run has centers")
        }
        return RunResult(
            round: access.manifest.round, rounds: history.lastRound,
            scores: scores.sorted { $0.center < $1.center }, unseen: nil,
            validations: validations.sorted { $0.key < $1.key }.map { .init(round: $0.key, centers: $0.value) },
            contrast: history.centers.compactMapValues { $0.rounds.last?.losses["contrast"] },
            parameters: method.networkParameters,
            // Where all data is in one place nothing travels.
            exchanged: participants.contains(where: \.isPooled) ? 0 : method.exchangedNumbers(of: method.exchanges),
            seconds: history.seconds, data: access.manifest.files.keys.filter { $0.hasPrefix("data/") }.sorted())
    }
}

extension FederatedMethod {
    /// Numbers that a center contributes in a round by some exchanges.
    func exchangedNumbers(of exchanges: [Exchange]) -> Int {
        exchanges.reduce(0) { sum, exchange in
            sum
                + variables.filter { $0.name == exchange.variable }.reduce(0) { count, variable in
                    count + exchange.selection.entries(of: variable.layout).reduce(0) { $0 + $1.count }
                }
        }
    }
}
