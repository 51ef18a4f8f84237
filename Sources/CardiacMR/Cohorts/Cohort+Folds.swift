import Tensors

extension Cohort {
    /// The cohort split for cross-validation: its subjects, of whatever split, are dealt to so many parts, the same for every
    /// run. One part is tested on, the next one validated on, the others are trained on.
    /// - Parameter fold: the part that is tested on, from 1.
    package func split(fold: Int, of folds: Int) -> Cohort {
        let subjects = Split.allCases.flatMap { splits[$0] ?? [] }.sorted()
        var random = RandomStream(seed: 0, purpose: "folds/\(center)", folds)
        let order = random.permutation(of: subjects.count).map { subjects[$0] }
        var changed = self
        changed.splits = [.train: [], .validation: [], .test: []]
        for (place, subject) in order.enumerated() {
            let split: Split =
                switch place % folds {
                case fold - 1: .test
                case fold % folds: .validation
                default: .train
                }
            changed.splits[split]?.append(subject)
        }
        for split in Split.allCases { changed.splits[split]?.sort() }
        return changed
    }
}
