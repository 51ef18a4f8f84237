import Tensors

/// Intervals of a mean whose values come in clusters, such as the cases of one patient: clusters are drawn with
/// replacement, and the interval lies between percentiles of the means (`scipy.stats.bootstrap(method="percentile")`, which
/// this equals where every cluster has one value).
package struct ClusterBootstrap: Sendable {
    private let resamples: Int
    private let level: Double

    /// - Parameters:
    ///   - resamples: how many sets of clusters are drawn.
    ///   - level: of confidence.
    package init(resamples: Int = 10_000, level: Double = 0.95) {
        self.resamples = resamples
        self.level = level
    }

    /// The interval of the mean over all values.
    /// - Parameters:
    ///   - clusters: the values of each.
    ///   - purpose: what the numbers drawn follow from; the same for the same comparison.
    /// - Returns: nil for less than two clusters.
    package func interval(_ clusters: [[Double]], purpose: String) -> ClosedRange<Double>? {
        let sums = clusters.filter { !$0.isEmpty }.map { (sum: $0.reduce(0, +), count: $0.count) }
        guard sums.count > 1 else { return nil }
        var random = RandomStream(seed: 0, purpose: "bootstrap/\(purpose)")
        var means: [Double] = []
        means.reserveCapacity(resamples)
        for _ in 0..<resamples {
            var (sum, count) = (0.0, 0)
            for _ in sums.indices {
                let drawn = sums[random.index(below: sums.count)]
                sum += drawn.sum
                count += drawn.count
            }
            means.append(sum / Double(count))
        }
        means.sort()
        return Self.percentile(means, (1 - level) / 2)...Self.percentile(means, (1 + level) / 2)
    }

    /// The value below which a part of sorted values lies, between neighbours in proportion.
    private static func percentile(_ sorted: [Double], _ part: Double) -> Double {
        let place = part * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    }
}
