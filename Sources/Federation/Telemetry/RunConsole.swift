import CardiacMR
import FederatedLearning
import Files
import Foundation

/// What the root tells of a run: progress on standard error, `metrics.jsonl`, the tables at the end. Other ranks are silent, but
/// for a note of their steps where the root does not see these.
final class RunConsole {
    private let folder: RunFolder
    private let progress: ProgressReporter?
    private let metrics: MetricsWriter?
    private let events: EventWriter?
    private var roundStart = monotonicSeconds()
    private var stepsLeft = 0
    private var noted = -Double.infinity
    /// Where this rank notes its steps, and how many it has done; nil where the root sees them.
    private var own: (path: String, note: ProgressNote.OfRank)?
    private let isQuiet: Bool

    private var style: TextTable.Style { Terminal.isUnicode() ? .unicode : .plain }

    private let terms: [LossTerm]
    private let convention: Configuration.AbsentClass

    /// - Parameters:
    ///   - silentRank: the number of this rank, where its steps are its own affair; nil where they are the root's, too.
    ///   - terms: the losses that the method's steps tell.
    ///   - finished: rounds that were done before this process began.
    ///   - validated: the last of them whose validation counts; nil where nothing is chosen by validations.
    ///   - isQuiet: whether only files are written.
    init(
        isRoot: Bool, silentRank: Int? = nil, configuration: Configuration, terms: [LossTerm], folder: RunFolder,
        finished: Int,
        validated: Int?,
        isQuiet: Bool
    ) throws {
        self.terms = terms
        convention = configuration.evaluateAbsent
        self.folder = folder
        self.isQuiet = isQuiet
        own = silentRank.map { (folder.progress(ofRank: $0), ProgressNote.OfRank(round: 0, steps: 0)) }
        // Those of an earlier job: nobody writes before all ranks have come here.
        if isRoot { folder.progressOfRanks.forEach { unlink($0) } }
        progress =
            isRoot
            ? ProgressReporter(
                rounds: configuration.rounds, finished: finished,
                style: isQuiet ? .none : Terminal.progressStyle()) : nil
        metrics = isRoot ? try MetricsWriter(path: folder.metrics, resumingAfter: finished, validated: validated) : nil
        events =
            isRoot ? try EventWriter(folder: folder.tensorBoard, resumingAfter: finished) : nil
    }

    /// - Parameter done: steps that a process before this one did.
    func begin(round: Int, steps: Int, done: Int) {
        roundStart = monotonicSeconds()
        stepsLeft = steps - done
        progress?.begin(round: round, steps: steps, done: done)
        own?.note = ProgressNote.OfRank(round: round, steps: 0)
        noteProgress(every: 1)
    }

    /// Writes down how far the run is, for those who look on from elsewhere.
    /// - Parameter interval: seconds between two notes at least.
    private func noteProgress(every interval: Double) {
        guard progress != nil || own != nil, monotonicSeconds() - noted >= interval else { return }
        noted = monotonicSeconds()
        progress?.progressNote(at: Date().timeIntervalSince1970).write(to: folder)
        if let own { own.note.write(to: own.path) }
    }

    /// A step was done, by this rank or, where losses are unknown, by one that it serves.
    func stepped(_ losses: [Double]? = nil) {
        stepsLeft -= 1
        progress?.advance(steps: 1, losses: losses.map(shown) ?? [])
        own?.note.steps += 1
        noteProgress(every: 5)
    }

    /// The losses that the progress bar shows.
    private func shown(_ losses: [Double]) -> [RunProgress.Loss] {
        zip(terms, losses).compactMap { term, value in term.shown.map { .init($0, value) } }
    }

    /// Writes down the losses of a round's centers.
    /// - Parameter released: what the run has told of its centers, where it hides them.
    func end(
        round: Int, plan: RoundPlan, names participants: [String], losses: ReportedLosses, released: ReleasedPrivacy?
    ) throws {
        guard let metrics, let progress else { return }
        var centers: [String: MetricsValue] = [:]
        let (names, means) = (terms.map(\.name), losses.means)
        for (index, weight) in zip(plan.centers, plan.weights) {
            guard let values = losses.centers?[participants[index]] else { continue }
            var members: [String: MetricsValue] = ["weight": .number(weight)]
            for (term, value) in zip(names, values) { members[term] = .number(value) }
            centers[participants[index]] = .object(members)
        }
        var members: [String: MetricsValue] = [
            "seconds": .number(monotonicSeconds() - roundStart), "centers": .object(centers),
            "absent": .list(plan.absent.map { .text(participants[$0]) }),
            "late": .list(plan.late.map { .text(participants[$0]) }),
            "losses": .object(Dictionary(uniqueKeysWithValues: zip(names, means.map(MetricsValue.number)))),
        ]
        if losses.centers == nil { members["contributing"] = .integer(losses.count) }
        if let released {
            members["epsilon"] = .number(released.epsilon)
            members["releases"] = .integer(released.releases)
            if let clip = released.clip { members["next_clip"] = .number(clip) }
        }
        try metrics.append(kind: "round", round: round, members)
        var scalars = zip(names, means).map { (tag: "mean/\($0)", value: $1) }
        for center in plan.centers.map({ participants[$0] }) {
            for (term, value) in zip(names, losses.centers?[center] ?? []) {
                scalars.append(("\(term)/\(center)", value))
            }
        }
        if let released { scalars.append(("privacy/epsilon", released.epsilon)) }
        if let clip = released?.clip { scalars.append(("privacy/next_clip", clip)) }
        try events?.append(round: round, scalars)
        // Steps of other ranks that this one has nothing to do with, as when each center's CRL is on its own rank.
        if stepsLeft > 0 { progress.advance(steps: stepsLeft) }
        progress.end(round: round, losses: shown(means))
        noteProgress(every: 1)
    }

    /// Writes down that a checkpoint has become complete.
    func published(_ checkpoint: CheckpointWriter.Published) throws {
        try metrics?.append(
            kind: "checkpoint", round: checkpoint.position.round,
            [
                "steps": .integer(checkpoint.position.steps), "seconds": .number(checkpoint.seconds),
                "bytes": .integer(checkpoint.bytes),
            ])
    }

    /// Writes down and, at the end, prints the scores that the root has.
    /// - Parameter best: the best round on validation cases: during the run where it is this one, at the end in any case.
    func evaluated(
        round: Int, _ split: Split, scores: ReportedScores?, best: ModelSelection.Best?, isLast: Bool
    ) throws {
        guard let scores, let metrics, let progress else { return }
        let summary = scores.summary
        try metrics.append(
            kind: "evaluation", round: round,
            summary.metrics.merging(scores.metrics) { $1 }.merging(["split": .text(split.rawValue)]) { $1 })
        let means = (scores.centers ?? []).compactMap { score in
            score.mean.map { (tag: "\(split.rawValue)_dice/\(score.center)", value: $0) }
        }
        try events?.append(
            round: round, means + (summary.mean.map { [("mean/\(split.rawValue)_dice", $0)] } ?? []))
        func number(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "unknown" }
        guard !isQuiet else { return }
        guard isLast else {
            progress.note(
                "round \(round): mean foreground \(split.rawValue) Dice \(number(summary.mean))"
                    + (best != nil ? ", the best so far" : ""))
            return
        }
        progress.finish()
        var text =
            "\nTest Dice after round \(round), on native grids\n\n\(TextTable.dice(scores.rows).rendered(style))\n"
            + summary.text(centers: scores.count, split: split.rawValue, convention: convention)
        if scores.leftOut > 0 { text += "\(scores.leftOut) test cases could not be used; warnings above say why\n" }
        if let best {
            text +=
                "best validation Dice: \(number(best.dice)), after round \(best.round); `--checkpoint best` is that one\n"
        }
        show(text)
    }

    /// Tells something beside the progress.
    func note(_ text: String) {
        if !isQuiet { progress?.note(text) }
    }

    /// What this rank says of its steps counts no more.
    private func removeOwnNote() {
        if let own { unlink(own.path) }
        own = nil
    }

    /// The run ends before its last round.
    func stop() throws {
        removeOwnNote()
        progress?.finish()
        noteProgress(every: 0)
        try metrics?.synchronize()
    }

    func finish(round: Int, phases: [[Double]]?) throws {
        removeOwnNote()
        noteProgress(every: 0)
        guard let phases, let metrics else { return }
        try metrics.append(
            kind: "phases", round: round, ["ranks": .list(phases.map { .list($0.map { .number($0) }) })])
        try metrics.synchronize()
        guard !isQuiet else { return }
        show(
            "\nTime by phase over \(phases.count) rank\(phases.count == 1 ? "" : "s")\n\n"
                + "\(TextTable.phases(ranks: phases).rendered(style))\nrun: \(folder.path)\n")
    }

    /// Prints a table. The run's result is its folder, which has all of it: that nobody can read it here is no failure.
    private func show(_ text: String) {
        do { try StandardOutput.write(text, isPatient: false) } catch {
            Messages.warn("the table cannot be printed (\(error)); \(folder.metrics) has what it says")
        }
    }
}
