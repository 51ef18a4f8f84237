import CardiacMR
import Federation

/// What the trainings of a comparison have shown, variant by variant.
package struct Comparison: Sendable {
    /// A training with its result.
    typealias Outcome = (run: PlannedRun, result: RunResult)

    /// The plan.
    package let plan: ComparisonPlan
    /// What the tables have a row for: the plan's variants or, where centers were left out, each of them in each way that it
    /// serves these.
    package let variants: [String]
    /// The one that the others are compared with.
    package let reference: String
    /// The variants with a result, in the plan's order.
    package let rows: [Row]
    /// Trainings whose result is not known, and those whose loss was not finite.
    package let missing, failed: [String]
    /// Cases that could not be used, over all trainings.
    package let leftOut: Int
    let outcomes: [String: [Outcome]]

    /// A mean over trainings, with their standard deviation where there are several.
    package typealias Spread = Distribution

    /// What is known of one variant.
    package struct Row: Sendable {
        /// Its name.
        package var variant: String
        /// Trainings, that is seeds times folds.
        package var trainings: Int
        /// Over the trainings: mean Dice over the centers, the least of a center, the standard deviation between centers.
        package var dice, worst, spread: Spread?
        /// Over the trainings: Dice of the distant center.
        package var distant: Spread?
        /// The distant center's Dice less what `local` reaches there with the same seed.
        package var gain: Spread?
        /// Over the trainings: mean over the centers of the mean over classes and cases, in mm.
        package var hausdorff95, surface: Spread?
        /// Over the trainings: likewise, of the foreground.
        package var calibrationError, brier: Spread?
        /// Prediction less truth over all subjects: ejection fraction of the LV in %, myocardial mass in g.
        package var ejectionFractionBias, massBias: Double?
        /// Dice over the trainings of every center that was tested on; nil where this variant was not.
        package var centers: [(name: String, dice: Spread?)]
        /// Against the reference; nil for itself.
        package var contest: Contest?
        /// Numbers of the network that segments, bytes that a center sends and receives in a round.
        package var parameters, bytesPerRound: Int
        /// Seconds of a round, on the machine that it was trained on.
        package var secondsPerRound: Double
        /// Mean rounds of the checkpoints that were evaluated.
        package var round: Double
        /// Mean validation Dice of them.
        package var validation: Spread?
    }

    /// A variant against the reference, paired over the cases of the same seed and split.
    package struct Contest: Sendable {
        /// Pairs of cases, and patients that they are of.
        package var pairs, patients: Int
        /// Mean difference of the cases' Dice: above 0 the variant is better.
        package var difference: Double
        /// Its 95 % interval by a bootstrap of patients.
        package var interval: ClosedRange<Double>?
        /// Wilcoxon's signed-rank test of the patients' mean differences; nil where none differs.
        package var probability: Double?
        /// The same after Holm's correction over all variants.
        package var adjusted: Double?

        /// Two stars below 0.01, one below 0.05.
        package var stars: String {
            guard let adjusted else { return "" }
            return adjusted < 0.01 ? "**" : adjusted < 0.05 ? "*" : ""
        }
    }

    /// Gathers what is known.
    package init(_ plan: ComparisonPlan, in folder: SeriesFolder) throws {
        self.plan = plan
        var outcomes: [String: [Outcome]] = [:]
        var missing: [String] = []
        var failed: [String] = []
        var records: [String: (run: String, data: [String])] = [:]
        for run in plan.runs {
            if let result = try folder.read(run, as: RunResult.self) {
                guard result.failure == nil else {
                    failed.append(run.name)
                    continue
                }
                try Self.check(run, result, &records)
                for (variant, part) in Self.parts(run, result) { outcomes[variant, default: []].append(part) }
            } else {
                missing.append(run.name)
            }
        }
        outcomes = outcomes.mapValues(Self.joined)
        self.outcomes = outcomes
        (self.missing, self.failed) = (missing, failed)
        leftOut = outcomes.values.reduce(0) { sum, all in
            sum + all.reduce(0) { $0 + $1.result.scores.reduce(0) { $0 + $1.leftOut.count } }
        }
        let ways = plan.runs.contains { $0.leftOut != nil }
        let names = plan.variants.flatMap { variant in
            ways ? outcomes.keys.filter { $0.hasPrefix("\(variant), ") }.sorted() : [variant]
        }
        variants = names
        reference = ways ? "\(plan.reference), ensemble" : plan.reference
        let reference = outcomes[self.reference] ?? []
        let centers = Set(outcomes.values.flatMap { $0.flatMap { $0.result.scores.map(\.center) } }).sorted()
        var rows = names.compactMap { variant in
            outcomes[variant].map {
                Self.row(variant, $0, local: outcomes["local"] ?? [], centers: centers, distant: plan.distant)
            }
        }
        for index in rows.indices where rows[index].variant != self.reference {
            rows[index].contest = Self.contest(outcomes[rows[index].variant] ?? [], against: reference)
        }
        let tested = rows.indices.filter { rows[$0].contest?.probability != nil }
        let adjusted = HolmCorrection.adjusted(tested.compactMap { rows[$0].contest?.probability })
        for (index, value) in zip(tested, adjusted) { rows[index].contest?.adjusted = value }
        self.rows = rows
    }

    /// Checks that trainings of the same splits had the same images and labels.
    private static func check(
        _ run: PlannedRun, _ result: RunResult, _ records: inout [String: (run: String, data: [String])]
    ) throws(FederationError) {
        guard let data = result.data else { return }
        let splits = "\(run.fold ?? 0)/\(run.leftOut ?? "")"
        guard let known = records.updateValue((run.name, data), forKey: splits), known.data != data else { return }
        throw FederationError(
            attempted: "compare", subject: "\(known.run) and \(run.name)",
            reason: "their images, labels or splits were not the same",
            remedy: "put the data back as it was, remove run and result of one of them, and start the command again")
    }

    // MARK: Centers that were left out

    /// A training's outcome as that of each way in which it serves the center that was left out, if one was.
    private static func parts(_ run: PlannedRun, _ result: RunResult) -> [(String, Outcome)] {
        guard let unseen = result.unseen else { return [(run.variant, (run, result))] }
        return unseen.sorted { $0.key < $1.key }.map { way, score in
            var part = result
            part.scores = [score]
            return ("\(run.variant), \(way)", (run, part))
        }
    }

    /// Outcomes of the same seed and fold that differ in the center that was left out, as one.
    private static func joined(_ outcomes: [Outcome]) -> [Outcome] {
        outcomes.reduce(into: []) { joined, outcome in
            guard outcome.run.leftOut != nil,
                let index = joined.firstIndex(where: {
                    $0.run.seed == outcome.run.seed && $0.run.fold == outcome.run.fold
                })
            else { return joined.append(outcome) }
            joined[index].result.scores += outcome.result.scores
            joined[index].result.seconds += outcome.result.seconds
            joined[index].result.rounds += outcome.result.rounds
            joined[index].result.round = max(joined[index].result.round, outcome.result.round)
            // What is of one training alone is not of all.
            (joined[index].result.validations, joined[index].result.contrast) = ([], [:])
        }
    }

    // MARK: A variant

    private static func row(
        _ variant: String, _ outcomes: [Outcome], local: [Outcome], centers: [String], distant: String?
    ) -> Row {
        func over(_ value: (RunResult) -> Double?) -> Spread? { Spread(outcomes.compactMap { value($0.result) }) }
        let summaries = outcomes.map { ScoreSummary($0.result.scores.map(\.means)) }
        let first = outcomes[0].result
        let gains = outcomes.compactMap { outcome -> Double? in
            guard let distant, variant != "local",
                let other = local.first(where: { $0.run.isPaired(with: outcome.run) }),
                let own = outcome.result.dice(of: distant), let alone = other.result.dice(of: distant)
            else { return nil }
            return own - alone
        }
        let rounds = outcomes.reduce(0) { $0 + $1.result.rounds }
        return Row(
            variant: variant, trainings: outcomes.count, dice: Spread(summaries.compactMap(\.mean)),
            worst: Spread(summaries.compactMap { $0.worst?.dice }), spread: Spread(summaries.compactMap(\.spread)),
            distant: over { result in distant.flatMap { result.dice(of: $0) } }, gain: Spread(gains),
            hausdorff95: over { $0.overCenters { $0.classSummaries.compactMap { $0.hausdorff95?.mean } } },
            surface: over { $0.overCenters { $0.classSummaries.compactMap { $0.averageSurfaceDistance?.mean } } },
            calibrationError: over { $0.overCenters { [$0.expectedCalibrationError?.mean].compactMap { $0 } } },
            brier: over { $0.overCenters { [$0.brier?.mean].compactMap { $0 } } },
            ejectionFractionBias: bias("LV ejection fraction", outcomes), massBias: bias("myocardial mass", outcomes),
            centers: centers.map { name in (name, over { $0.dice(of: name) }) },
            parameters: first.parameters, bytesPerRound: first.bytesPerRound,
            secondsPerRound: outcomes.reduce(0) { $0 + $1.result.seconds } / Double(max(1, rounds)),
            round: outcomes.reduce(0) { $0 + Double($1.result.round) } / Double(outcomes.count),
            validation: over(\.validationDice))
    }

    private static func bias(_ quantity: String, _ outcomes: [Outcome]) -> Double? {
        let differences = outcomes.flatMap { outcome in
            outcome.result.scores.flatMap(\.functionQuantities).filter { $0.name == quantity }
                .flatMap { $0.pairs.map { $0.prediction - $0.truth } }
        }
        return Distribution(differences)?.mean
    }

    // MARK: Against the reference

    private static func contest(_ outcomes: [Outcome], against reference: [Outcome]) -> Contest? {
        var differences: [Double] = []
        var patients: [String: [Double]] = [:]
        for outcome in outcomes {
            guard let other = reference.first(where: { $0.run.isPaired(with: outcome.run) }) else { continue }
            let known = other.result.caseDice
            for (name, dice) in outcome.result.caseDice.sorted(by: { $0.key < $1.key }) {
                guard let reference = known[name] else { continue }
                differences.append(dice - reference)
                patients[name.patient, default: []].append(dice - reference)
            }
        }
        guard let mean = Distribution(differences)?.mean else { return nil }
        let clusters = patients.sorted { $0.key < $1.key }.map(\.value)
        return Contest(
            pairs: differences.count, patients: clusters.count, difference: mean,
            interval: ClusterBootstrap().interval(clusters, purpose: "comparison"),
            probability: SignedRankTest.pValue(clusters.compactMap { Distribution($0)?.mean }), adjusted: nil)
    }
}

/// A case of a center.
struct CaseName: Hashable, Comparable {
    let center, subject, name: String

    /// The patient, whatever the phase.
    var patient: String { "\(center)/\(subject)" }

    static func < (first: CaseName, second: CaseName) -> Bool {
        (first.center, first.name) < (second.center, second.name)
    }
}

extension PlannedRun {
    /// Whether two trainings have the same seed and splits.
    func isPaired(with other: PlannedRun) -> Bool {
        seed == other.seed && fold == other.fold
    }
}

extension RunResult {
    /// Mean foreground Dice of a center; nil where it has none.
    func dice(of center: String) -> Double? { scores.first { $0.center == center }?.mean }

    /// The mean over the centers of the mean of each one's values.
    func overCenters(_ values: (CenterScore) -> [Double]) -> Double? {
        Distribution(scores.compactMap { Distribution(values($0))?.mean })?.mean
    }

    /// Mean foreground Dice of every case that has one.
    var caseDice: [CaseName: Double] {
        var dice: [CaseName: Double] = [:]
        for score in scores {
            for item in score.cases {
                dice[CaseName(center: score.center, subject: item.subject, name: item.name)] = item.mean
            }
        }
        return dice
    }
}
