import Foundation

/// The privacy loss of a mechanism that is used again and again: Gaussian noise on the sum over a Poisson sample, by Rényi
/// differential privacy.
///
/// Each release's divergence is that of Mironov, Talwar and Zhang, Rényi Differential Privacy of the Sampled Gaussian Mechanism
/// (arXiv 1908.10530), for integer and fractional orders; those of several releases add up, and become (ε, δ) by Canonne, Kamath
/// and Steinke, The Discrete Gaussian for Differential Privacy (arXiv 2004.00010), proposition 12.
package struct RenyiAccountant: Sendable {
    /// The noise's standard deviation over the largest norm of a contribution.
    package let noiseMultiplier: Double
    /// How likely each participant is in the sample.
    package let sampling: Double
    /// The divergence of one release, by order.
    private let divergences: [(order: Double, divergence: Double)]

    /// The orders that the least ε is looked for at.
    package static let orders =
        (1..<100).map { 1 + Double($0) / 10 } + (11..<64).map(Double.init) + [128, 256, 512, 1024]

    /// An account of a mechanism.
    /// - Parameters:
    ///   - noiseMultiplier: not negative.
    ///   - sampling: in [0, 1].
    package init(noiseMultiplier: Double, sampling: Double, orders: [Double] = orders) {
        precondition(noiseMultiplier >= 0 && (0...1).contains(sampling), "\(noiseMultiplier), \(sampling)")
        self.noiseMultiplier = noiseMultiplier
        self.sampling = sampling
        divergences = orders.map { ($0, Self.divergence(noiseMultiplier, sampling, order: $0)) }
    }

    /// The least ε of so many releases at some δ in (0, 1).
    package func epsilon(releases: Int, delta: Double) -> Double {
        guard releases > 0 else { return 0 }
        let least = divergences.map { order, divergence in
            Double(releases) * divergence - (log(delta) + log(order)) / (order - 1) + log1p(-1 / order)
        }.min()
        return max(0, least ?? .infinity)
    }

    /// The most releases whose ε at some δ is at most a budget.
    package func releases(within epsilon: Double, delta: Double) -> Int {
        guard self.epsilon(releases: 1, delta: delta) <= epsilon else { return 0 }
        var (low, high) = (1, 2)
        while high < 1 << 40, self.epsilon(releases: high, delta: delta) <= epsilon { (low, high) = (high, 2 * high) }
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.epsilon(releases: middle, delta: delta) <= epsilon { low = middle } else { high = middle }
        }
        return low
    }

    /// The least noise with which so many releases stay within a budget, to a part in 10⁶; nil where none up to 10⁶ does.
    package static func noiseMultiplier(
        releases: Int, sampling: Double, epsilon: Double, delta: Double
    ) -> Double? {
        func suffices(_ noise: Double) -> Bool {
            RenyiAccountant(noiseMultiplier: noise, sampling: sampling).epsilon(releases: releases, delta: delta)
                <= epsilon
        }
        var (low, high) = (0.0, 1.0)
        while !suffices(high) {
            guard high < 1e6 else { return nil }
            (low, high) = (high, 2 * high)
        }
        while high - low > 1e-6 * high {
            let middle = (low + high) / 2
            if suffices(middle) { high = middle } else { low = middle }
        }
        return high
    }

    // MARK: One release

    /// The Rényi divergence of an order above 1, between sums with and without one participant.
    package static func divergence(_ noise: Double, _ sampling: Double, order: Double) -> Double {
        if sampling == 0 { return 0 }
        if noise == 0 { return .infinity }
        if sampling == 1 { return order / (2 * noise * noise) }
        let moment =
            order == order.rounded()
            ? integerMoment(noise, sampling, Int(order)) : fractionalMoment(noise, sampling, order)
        return max(0, moment / (order - 1))
    }

    /// The logarithm of the order-th moment of the likelihood ratio: section 3.3 of the paper.
    private static func integerMoment(_ noise: Double, _ sampling: Double, _ order: Int) -> Double {
        (0...order).reduce(-.infinity) { total, count in
            let (some, all) = (Double(count), Double(order))
            let choices = lgamma(all + 1) - lgamma(some + 1) - lgamma(all - some + 1)
            return logSum(
                total,
                choices + some * log(sampling) + (all - some) * log1p(-sampling)
                    + (some * some - some) / (2 * noise * noise))
        }
    }

    /// The same of a fractional order: two series, whose terms alternate once the order is passed. Infinite where they do not end
    /// within 20000 terms, so that the order is passed over.
    private static func fractionalMoment(_ noise: Double, _ sampling: Double, _ order: Double) -> Double {
        let border = noise * noise * log(1 / sampling - 1) + 0.5
        var (below, above) = (-Double.infinity, -Double.infinity)
        // The binomial coefficient: logarithm of its magnitude, and sign.
        var (choices, isPositive) = (0.0, true)
        for index in 0..<20_000 {
            let first = Double(index)
            let second = order - first
            let terms = [(first, second, (first - border)), (second, first, (border - second))].map {
                sampled, rest, place in
                choices + sampled * log(sampling) + rest * log1p(-sampling)
                    + (sampled * sampled - sampled) / (2 * noise * noise)
                    + log(0.5) + logErrorComplement(place / (2.0.squareRoot() * noise))
            }
            if isPositive {
                (below, above) = (logSum(below, terms[0]), logSum(above, terms[1]))
            } else {
                (below, above) = (logDifference(below, terms[0]), logDifference(above, terms[1]))
            }
            let total = logSum(below, above)
            if first > order, max(terms[0], terms[1]) < min(total, 0) - 40 { return total }
            choices += log(abs(order - first)) - log(first + 1)
            if order < first { isPositive.toggle() }
        }
        return .infinity
    }

    private static func logSum(_ first: Double, _ second: Double) -> Double {
        let (high, low) = (max(first, second), min(first, second))
        return low == -.infinity ? high : high + log1p(exp(low - high))
    }

    private static func logDifference(_ first: Double, _ second: Double) -> Double {
        second == -.infinity || second >= first ? first : first + log1p(-exp(second - first))
    }

    /// log(erfc(x)), where erfc itself is too small for a double, too.
    private static func logErrorComplement(_ value: Double) -> Double {
        guard value > 20 else { return log(erfc(value)) }
        let square = 1 / (value * value)
        let series = 1 - square / 2 + 0.75 * square * square - 1.875 * square * square * square
        return -value * value - log(value) - 0.5 * log(Double.pi) + log(series)
    }
}
