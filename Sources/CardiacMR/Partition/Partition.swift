import Tensors

/// Many simulated centers out of few cohorts: subjects are dealt to centers, and images stay where they are.
///
/// Centers are made of cohorts with the same classes, each kind getting as many as it has of the subjects. A subject keeps its
/// split, so what was tested on before is not trained on; every center has a subject to train on.
package struct Partition: Sendable {
    /// What the centers differ in.
    package enum Skew: String, Sendable, CaseIterable {
        /// Mixtures of cohorts: each cohort's subjects are dealt in proportions that are drawn from a Dirichlet distribution (Hsu,
        /// Qi, Brown: arXiv:1909.06335).
        case dirichlet
        /// Sizes alone: the subjects of all cohorts are dealt in proportions that are drawn once.
        case size
        /// Scanners: a center's subjects are all of one cohort, and centers are of about one size.
        case scanner
    }

    /// How many centers are made.
    package var centers: Int
    /// What they differ in.
    package var skew: Skew
    /// The Dirichlet distribution's concentration: the smaller, the more uneven.
    package var alpha: Double
    /// What the dealing follows from.
    package var seed: UInt64

    /// A partition.
    package init(centers: Int, skew: Skew, alpha: Double = 0.5, seed: UInt64 = 1) {
        (self.centers, self.skew, self.alpha, self.seed) = (centers, skew, alpha, seed)
    }

    /// Deals the cohorts' subjects. Images are named by absolute paths.
    /// - Parameter folder: where the centers' folders are to be.
    /// - Throws: where there are fewer subjects to train on than centers, or fewer centers than kinds of classes.
    package func cohorts(of sources: [Cohort], in folder: String) throws(CardiacMRError) -> [Cohort] {
        let kinds = Self.kinds(of: sources)
        let counts = try centers(of: kinds)
        let digits = String(centers).count
        var made: [Cohort] = []
        for (kind, count) in zip(kinds, counts) {
            guard skew != .scanner || count >= kind.count else {
                throw CardiacMRError(
                    attempted: "make", subject: "\(centers) centers by scanner",
                    reason: "\(kind.count) cohorts would be in \(count) centers", remedy: "make more centers")
            }
            for center in deal(kind, to: count) {
                let number = String(made.count + 1)
                let name = "center-" + String(repeating: "0", count: digits - number.count) + number
                made.append(cohort(name, center, folder))
            }
        }
        return made
    }

    // MARK: Kinds

    /// A subject of a source.
    private struct Subject {
        let source: Cohort
        let name: String
        let split: Split
    }

    /// The sources that may be mixed: those with the same classes and label values.
    private static func kinds(of sources: [Cohort]) -> [[Cohort]] {
        sources.reduce(into: []) { kinds, source in
            let index = kinds.firstIndex {
                $0[0].classes == source.classes && $0[0].labelValues == source.labelValues
            }
            if let index { kinds[index].append(source) } else { kinds.append([source]) }
        }
    }

    /// The centers of each kind: in proportion to the subjects, at least one.
    private func centers(of kinds: [[Cohort]]) throws(CardiacMRError) -> [Int] {
        let subjects = kinds.map { $0.reduce(0) { $0 + ($1.splits[.train]?.count ?? 0) } }
        let total = subjects.reduce(0, +)
        func refuse(_ reason: String, _ remedy: String) -> CardiacMRError {
            CardiacMRError(
                attempted: "make", subject: "\(centers) centers of \(total) subjects to train on", reason: reason,
                remedy: remedy)
        }
        guard centers >= kinds.count else {
            throw refuse(
                "the cohorts are of \(kinds.count) kinds of classes, which do not mix", "make more centers")
        }
        guard centers <= total else {
            throw refuse("each needs at least one", "make fewer centers, or begin with more subjects")
        }
        // The largest remainders; nobody gets more centers than subjects.
        let shares = subjects.map { Double($0) * Double(centers) / Double(total) }
        var counts = zip(shares, subjects).map { min($1, max(1, Int($0))) }
        while counts.reduce(0, +) != centers {
            let isShort = counts.reduce(0, +) < centers
            let open = counts.indices.filter { isShort ? counts[$0] < subjects[$0] : counts[$0] > 1 }
            let next = open.max { first, second in
                let (a, b) = (shares[first] - Double(counts[first]), shares[second] - Double(counts[second]))
                return isShort ? a < b : a > b
            }
            guard let next else { break }
            counts[next] += isShort ? 1 : -1
        }
        return counts
    }

    // MARK: Dealing

    /// Deals the subjects of sources of one kind to so many centers.
    private func deal(_ sources: [Cohort], to count: Int) -> [[Subject]] {
        var centers = [[Subject]](repeating: [], count: count)
        var random = RandomStream(seed: seed, purpose: "partition/\(sources[0].center)", count)
        let owners = skew == .scanner ? ownSources(sources, count) : []
        // Where sizes alone differ, the sources are one.
        let pools = skew == .size ? [sources] : sources.map { [$0] }
        for (index, pool) in pools.enumerated() {
            let shares: [Double]
            switch skew {
            case .dirichlet, .size: shares = proportions(count, &random)
            case .scanner: shares = owners.map { $0 == index ? 1 / Double(owners.count { $0 == index }) : 0 }
            }
            for split in Split.allCases {
                let subjects = pool.flatMap { source in
                    (source.splits[split] ?? []).map { Subject(source: source, name: $0, split: split) }
                }
                let order = random.permutation(of: subjects.count)
                var (dealt, sum) = (0, 0.0)
                for (center, share) in shares.enumerated() {
                    sum += share
                    // Rounding the running sum deals every subject once.
                    let end = center == count - 1 ? order.count : Int((sum * Double(order.count)).rounded())
                    centers[center] += order[dealt..<max(dealt, end)].map { subjects[$0] }
                    dealt = max(dealt, end)
                }
            }
        }
        settle(&centers)
        return centers
    }

    /// The source of each center, where centers have one: as many centers for each as it has of the subjects.
    private func ownSources(_ sources: [Cohort], _ count: Int) -> [Int] {
        let sizes = sources.map { $0.splits[.train]?.count ?? 0 }
        var given = [Int](repeating: 0, count: sources.count)
        for _ in 0..<count {
            // Whoever has the most subjects for a center more.
            let next = sizes.indices.max {
                Double(sizes[$0]) / Double(given[$0] + 1) < Double(sizes[$1]) / Double(given[$1] + 1)
            }
            given[next ?? 0] += 1
        }
        return given.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
    }

    /// Gives each center without a subject to train on one of the center that has the most: of the same source as its other
    /// subjects, where centers have one source.
    private func settle(_ centers: inout [[Subject]]) {
        func training(_ center: [Subject]) -> Int { center.count { $0.split == .train } }
        for poor in centers.indices where training(centers[poor]) == 0 {
            let rich = centers.indices.max { training(centers[$0]) < training(centers[$1]) }
            guard let rich, training(centers[rich]) > 1,
                let moved = centers[rich].lastIndex(where: { $0.split == .train })
            else { continue }
            centers[poor].append(centers[rich].remove(at: moved))
        }
    }

    /// Proportions that add up to 1, drawn from a symmetric Dirichlet distribution.
    private func proportions(_ count: Int, _ random: inout RandomStream) -> [Double] {
        let draws = (0..<count).map { _ in random.gamma(shape: alpha) }
        let sum = draws.reduce(0, +)
        return sum > 0 ? draws.map { $0 / sum } : draws.map { _ in 1 / Double(count) }
    }

    // MARK: A center

    private func cohort(_ name: String, _ subjects: [Subject], _ folder: String) -> Cohort {
        var made = Cohort(
            center: name, vendor: Self.common(subjects.map(\.source.vendor)),
            sequence: Self.common(subjects.map(\.source.sequence)), classes: subjects[0].source.classes,
            labelValues: subjects[0].source.labelValues, splits: [.train: [], .validation: [], .test: []], cases: [],
            folder: "\(folder)/\(name)")
        var cases: [Case] = []
        for subject in subjects {
            // Sources name their subjects alike.
            var renamed = "\(subject.source.center)-\(subject.name)"
            while made.splits.values.contains(where: { $0.contains(renamed) }) { renamed += "+" }
            made.splits[subject.split]?.append(renamed)
            for var item in subject.source.cases where item.subject == subject.name {
                item.image = subject.source.path(of: item.image)
                item.label = subject.source.path(of: item.label)
                item.subject = renamed
                cases.append(item)
            }
        }
        for split in Split.allCases { made.splits[split]?.sort() }
        made.cases = cases.sorted { $0.name < $1.name }
        return made
    }

    /// The one text of several, or "mixed".
    private static func common(_ texts: [String]) -> String { Set(texts).count == 1 ? texts[0] : "mixed" }
}
