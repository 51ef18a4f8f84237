import Foundation

/// Wilcoxon's signed-rank test of paired differences, two-sided.
///
/// Differences of 0 are left out; equal ones share their mean rank. The distribution is the exact one for at most 50
/// differences without zeros and ties, and for at most 13 with; else the normal approximation with the correction for ties,
/// without one for continuity. That is what `scipy.stats.wilcoxon(d)` does.
package enum SignedRankTest {
    /// How likely differences at least as one-sided are where neither side is the better one.
    /// - Returns: nil where all are 0, or none is there.
    package static func pValue(_ differences: [Double]) -> Double? {
        let known = differences.filter { $0 != 0 && $0.isFinite }
        guard !known.isEmpty else { return nil }
        let (ranks, ties) = doubledRanks(known.map(\.magnitude))
        let positive = zip(known, ranks).reduce(0) { $0 + ($1.0 > 0 ? $1.1 : 0) }
        let isPlain = ties.isEmpty && known.count == differences.count
        if differences.count <= (isPlain ? 50 : 13) { return exact(ranks, positive: positive) }
        return approximate(count: known.count, ties: ties, positive: Double(positive) / 2)
    }

    /// Twice the ranks, which are whole numbers even where ranks are shared, and how many share each of these.
    private static func doubledRanks(_ values: [Double]) -> (ranks: [Int], ties: [Int]) {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Int](repeating: 0, count: values.count)
        var ties: [Int] = []
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            // Ranks start + 1 … end, whose mean is (start + 1 + end) / 2.
            for place in start..<end { ranks[order[place]] = start + 1 + end }
            if end - start > 1 { ties.append(end - start) }
            start = end
        }
        return (ranks, ties)
    }

    /// By the number of choices of signs for each sum of the positive ones' ranks.
    private static func exact(_ ranks: [Int], positive: Int) -> Double {
        let total = ranks.reduce(0, +)
        var ways = [Double](repeating: 0, count: total + 1)
        ways[0] = 1
        for rank in ranks {
            for sum in stride(from: total, through: rank, by: -1) { ways[sum] += ways[sum - rank] }
        }
        let all = pow(2, Double(ranks.count))
        let below = ways[...positive].reduce(0, +) / all
        let above = ways[positive...].reduce(0, +) / all
        return min(1, 2 * min(below, above))
    }

    private static func approximate(count: Int, ties: [Int], positive: Double) -> Double {
        let n = Double(count)
        let correction = ties.reduce(0) { $0 + pow(Double($1), 3) - Double($1) }
        let deviation = ((n * (n + 1) * (2 * n + 1) - correction / 2) / 24).squareRoot()
        let z = (positive - n * (n + 1) / 4) / deviation
        return erfc(abs(z) / 2.0.squareRoot())
    }
}

/// Holm's correction for several tests.
package enum HolmCorrection {
    /// The adjusted probabilities, in the order of the given ones: each is below a level where the test is significant at
    /// this level among all of them.
    package static func adjusted(_ probabilities: [Double]) -> [Double] {
        var adjusted = probabilities
        var largest = 0.0
        let order = probabilities.indices.sorted { probabilities[$0] < probabilities[$1] }
        for (place, index) in order.enumerated() {
            largest = max(largest, min(1, Double(probabilities.count - place) * probabilities[index]))
            adjusted[index] = largest
        }
        return adjusted
    }
}
