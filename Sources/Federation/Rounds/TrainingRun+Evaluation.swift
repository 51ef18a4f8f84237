import CardiacMR
import Foundation
import MPI

/// Scores during and after a run.
extension TrainingRun {
    /// The scores of all centers, on the root; nil elsewhere.
    func evaluate(_ split: Split) throws -> [CenterScore]? {
        try rank.clock.measure(.evaluate) {
            var scores: [CenterScore] = []
            if let server {
                try server.serve()
            } else {
                for center in assignment.centers(of: rank.rank) {
                    let state = try store.state(of: cohorts[center].center)
                    scores.append(
                        try Evaluation(data).score(
                            cohorts[center], split: split, state: state, relocalization: service(center, state)
                        ) { try tend() })
                }
                if configuration.crl.placement == .root, rank.size > 1 { try RemoteRelocalization.finish(rank) }
            }
            let gathered = try rank.communicate { [scores] ranks throws(MPIError) in
                try ranks.gatherBytes(Array((try? JSONEncoder().encode(scores)) ?? Data()))
            }
            guard let gathered else { return nil }
            return try gathered.flatMap { try JSONDecoder().decode([CenterScore].self, from: Data($0)) }
                .sorted { $0.center < $1.center }
        }
    }
}
