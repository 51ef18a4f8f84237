import CardiacMR
import FederatedLearning
import Federation
import Foundation

/// A run as one page: what it learnt, how well it segments, where its time went.
package struct RunReport {
    let history: RunHistory
    let scores: [CenterScore]
    let overlays: [(center: String, pictures: [Overlay])]
    let access: RunAccess
    /// What the run's method is, and the losses that its steps told.
    let method: MethodDescription
    let terms: [LossTerm]
    private let split: Split

    /// Reads a run's history, and evaluates a checkpoint of it.
    /// - Parameters:
    ///   - access: the run at a round.
    ///   - cohorts: the centers' data.
    ///   - split: the cases to measure.
    ///   - warn: told what is odd about a file.
    package init(
        _ access: RunAccess, cohorts: [Cohort], split: Split, warn: @escaping @Sendable (String) -> Void
    ) throws {
        self.access = access
        self.split = split
        history = try RunHistory(access.folder)
        method = access.configuration.method.type.about
        terms = try access.terms()
        let data = try CenterData(access.configuration, capacity: 1, warn: warn)
        let evaluation = Evaluation(data, absent: access.configuration.evaluateAbsent)
        var scores: [CenterScore] = []
        var overlays: [(String, [Overlay])] = []
        for cohort in cohorts {
            let segmenter = try access.segmenter(of: cohort.center, cohorts: cohorts)
            let score = try evaluation.score(cohort, split: split, by: segmenter, measuring: true)
            scores.append(score)
            let pictures = try Self.extremes(score).map { kind, item in
                try Self.overlay(kind, item, cohort, data, segmenter)
            }
            overlays.append((cohort.center, pictures))
        }
        self.scores = scores
        self.overlays = overlays
    }

    /// The page, complete in itself: no other file and no network.
    /// - Parameter watched: where the run is, for a page that is written again while it trains.
    package func html(watched: WatchedState? = nil) -> String {
        let round = access.manifest.round
        let summary = ScoreSummary(scores.map(\.means))
        let cases = scores.reduce(0) { $0 + $1.cases.count }
        let body = """
            <header><h1>Federated training of \(scores.count) centers</h1>
            <p>\(Markup.escape(access.folder.path)), checkpoint of round \(round), \(Markup.escape(access.manifest.program)). \
            Measured on the \(split.rawValue) split, on the images' own grids.</p>\(watched?.markup ?? "")</header><main>
            <ul class="facts"><li><b>\(Markup.number(summary.mean, 3))</b><span>mean foreground Dice</span></li>
            <li><b>\(Markup.number(summary.worst?.dice, 3))</b><span>least of a center</span></li>
            <li><b>\(scores.count)</b><span>centers</span></li><li><b>\(cases)</b><span>cases</span></li>
            <li><b>\(history.lastRound)</b><span>rounds</span></li>
            <li><b>\(Markup.number(history.seconds / 60, 1))</b><span>minutes of rounds</span></li>\(privacy)</ul>
            \(learning)\(representation)\(accuracy)\(function)\(pictures)\(phases)\(configuration)</main>
            """
        return Markup.page(title: "\(method.name): \(access.folder.path)", body: body, reload: watched?.reload)
    }

    /// What the run has told of its centers, where it hides them.
    private var privacy: String {
        guard let told = access.manifest.privacy else { return "" }
        let what =
            told.isInsecure ? "epsilon, but NOT private: the noise's seed is known" : "epsilon at delta \(told.delta)"
        return "<li><b>\(Markup.number(told.epsilon, 2))</b><span>\(what)</span></li>"
    }

    /// Writes the page.
    package func write(to path: String, watched: WatchedState? = nil) throws(FederationError) {
        try DurableFile.write(html(watched: watched).utf8, to: path)
    }
}
