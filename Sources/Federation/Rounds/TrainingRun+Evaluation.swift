import CardiacMR
import MPI

/// Scores during and after a run.
extension TrainingRun {
    /// The mean scores of all centers, on the root; nil elsewhere. Cases stay with the ranks that host them.
    ///
    /// A rank that is asked to stop lets its remaining cases be; what it has found is of no use then.
    func evaluate(_ split: Split) throws -> [CenterMeans]? {
        try rank.clock.measure(.evaluate) {
            var means: [CenterMeans] = []
            if let moduleServer {
                try moduleServer.serve()
            } else {
                for center in assignment.centers(of: rank.rank) where !notice.isRaised {
                    let state = try store.state(of: cohorts[center].center)
                    let score = try Evaluation(data).score(
                        cohorts[center], split: split, state: state, method: method(center), services: services(center)
                    ) {
                        try tend()
                        return !notice.isRaised
                    }
                    means.append(score.means)
                }
                if isRemote { try RootChannel.finish(rank) }
            }
            return try rank.gather(means)?.flatMap { $0 }.sorted { $0.center < $1.center }
        }
    }
}
