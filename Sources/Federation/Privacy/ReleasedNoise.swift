import DifferentialPrivacy
import FederatedLearning
import Foundation

/// What a run has told of any one of its centers: (ε, δ) of differential privacy.
package struct ReleasedPrivacy: Codable, Sendable, Equatable {
    /// Sums with noise that may have been seen.
    package var releases: Int
    /// ε; ``delta`` is its δ.
    package var epsilon: Double
    /// δ.
    package var delta: Double
    /// Whether the noise follows from a seed that is known: then it hides nothing.
    package var isInsecure: Bool
    /// What changes of the next round are clipped to; nil where that is the same in all rounds.
    package var clip: Double?

    /// For a person.
    package var text: String {
        String(
            format: "privacy of a center: epsilon %.3f at delta %g after %d release%@", epsilon, delta, releases,
            releases == 1 ? "" : "s")
            + (isInsecure ? "; NOT private: the noise follows from privacy.dp.insecure_seed" : "")
    }
}

/// How a run hides its centers: what their contributions are bounded by, and the noise of a round's sum.
///
/// A center's contribution is its change of all that is exchanged, as one vector, scaled down to the norm of `clip`. All have the
/// same weight, 1 / (participation · centers), whoever comes: what one center adds to the sum is at most clip times that. The sum
/// gets discrete Gaussian noise in its integers.
///
/// Clip may follow a quantile of the changes' norms (Andrew, Thakkar, McMahan and Ramaswamy, Differentially Private Learning with
/// Adaptive Clipping, arXiv 1905.03871): a center also says whether its change is within the bound, as 1/2 or -1/2, and that
/// sum has noise of its own. Both together cost what the noise multiplier says: the noise on the changes is larger for it.
struct ReleasedNoise {
    private let settings: Configuration.DifferentialPrivacy
    private let rounds: String
    /// What a run's noise costs.
    let account: RenyiAccountant
    /// The largest norm of a change, in the round at hand.
    var clip: Double
    /// How many centers a round is expected to have.
    private let expected: Double

    /// The noise of a run of so many centers; nil where it has none.
    init?(_ configuration: Configuration, centers: Int) {
        settings = configuration.privacy.differential
        guard settings.isEnabled else { return nil }
        clip = settings.clip
        expected = 1 / RoundPlan.expectedWeight(configuration, centers: centers)
        account = RenyiAccountant(noiseMultiplier: settings.noiseMultiplier, sampling: configuration.participation)
        rounds = "fedcrld \(settings.insecureSeed)"
    }

    /// Refuses a run that cannot hide its centers, and says what is odd about one that can.
    /// - Parameter isDistributed: whether a part of the centers' states may be elsewhere than they are.
    static func check(
        _ configuration: Configuration, _ participants: [Participant], _ method: any FederatedMethod,
        isDistributed: Bool
    ) throws(FederationError) {
        let settings = configuration.privacy.differential
        guard settings.isEnabled else { return }
        func failure(_ reason: String, _ remedy: String) -> FederationError {
            .usage("train with", "privacy.dp.enabled", reason, remedy)
        }
        let name = configuration.method.rawValue
        guard method.exchangesSomething() else {
            throw failure("\(name) exchanges nothing, so there is nothing to hide", "leave it off")
        }
        guard configuration.weighting == .uniform else {
            throw failure(
                "a center's weight would tell how many volumes it has", "set aggregation.weights=uniform")
        }
        if isDistributed, let remote = method.remotePart, method.exchangesSomething(of: remote) {
            throw failure(
                "a part of what is exchanged is at the server, and a center's change is clipped as a whole",
                "set crl.placement=client")
        }
        let count = participants.count
        if let noise = ReleasedNoise(configuration, centers: count), noise.clip > noise.largestClip {
            throw failure(
                "noise of \(settings.noiseMultiplier) times a clip of \(settings.clip) is beyond what sums of 64 bits hold",
                "lower privacy.dp.clip or privacy.dp.noise_multiplier")
        }
        if settings.insecureSeed != 0 {
            Messages.warn(
                "privacy.dp.insecure_seed is set: the noise follows from it, and whoever knows it sees through the noise"
            )
        }
        if count < 100 {
            Messages.warn(
                "with \(count) centers noise that hides one of them drowns what all have learnt: differential privacy of "
                    + "centers is for hundreds of them")
        }
        if settings.delta * Double(count) >= 1 {
            Messages.warn(
                "privacy.dp.delta is \(settings.delta), and should be well below one over the \(count) centers")
        }
    }

    /// ε after so many releases.
    func epsilon(releases: Int) -> Double { account.epsilon(releases: releases, delta: settings.delta) }

    /// Whether another release would pass the budget.
    func isSpent(after releases: Int) -> Bool {
        settings.epsilon > 0 && epsilon(releases: releases + 1) > settings.epsilon
    }

    /// What so many releases tell.
    func loss(after releases: Int) -> ReleasedPrivacy {
        ReleasedPrivacy(
            releases: releases, epsilon: epsilon(releases: releases), delta: settings.delta,
            isInsecure: settings.insecureSeed != 0, clip: isAdaptive ? clip : nil)
    }

    // MARK: The bound

    /// The bound whose noise the sum of a round still holds, with room for that of rounding.
    private var largestClip: Double { 0x1p49 * expected / (changeMultiplier * ExactSum.unitsPerOne) }

    /// Whether the bound follows a quantile.
    var isAdaptive: Bool { settings.clipQuantile > 0 }

    /// The standard deviation of the noise on how many changes are within the bound. A twentieth of a round's centers, as the
    /// paper has it, and so much that the changes' own noise is at most 2 / √3 of what it would be without.
    private var countDeviation: Double { max(expected / 20, settings.noiseMultiplier) }

    /// The changes' noise over the bound. What is said of the bound is 1/2 long.
    var changeMultiplier: Double {
        guard isAdaptive else { return settings.noiseMultiplier }
        let (whole, count) = (1 / settings.noiseMultiplier, 1 / (2 * countDeviation))
        return 1 / (whole * whole - count * count).squareRoot()
    }

    /// What a center says of its change: whether it is within the bound.
    func count(norm: Double) -> Double { norm <= clip ? 0.5 : -0.5 }

    /// The noise on the sum of that.
    /// - Parameter shares: how many such noises make up the whole.
    func countNoise(shares: Int) -> DiscreteGaussian {
        DiscreteGaussian(deviation: countDeviation * ReportSums.unitsPerOne / Double(shares).squareRoot())
    }

    /// The bound of the next round.
    /// - Parameter sum: of what centers say, with noise.
    mutating func follow(sum: Double) {
        // A noisy part may be anything; the bound goes no further than it would with a true one.
        let within = min(1, max(0, sum / expected + 0.5))
        clip = min(largestClip, max(1e-9, clip * exp(-settings.clipRate * (within - settings.clipQuantile))))
    }

    /// How many centers of a round share the noise, so that it is whole without the others; those that stay add more than is
    /// accounted.
    static func shares(of chosen: Int) -> Int { chosen / 2 + 1 }

    /// The noise of an array of the sum.
    /// - Parameters:
    ///   - scale: units of the sum per unit of a change: what a change is multiplied by.
    ///   - smallest: the smallest scale of all arrays.
    ///   - count: all values that are exchanged; each is rounded to a unit, which makes a change longer.
    ///   - shares: how many such noises make up the whole.
    func gaussian(scale: Double, smallest: Double, count: Int, shares: Int) -> DiscreteGaussian {
        let rounding = 1 + Double(count).squareRoot() / (clip * smallest)
        return DiscreteGaussian(
            deviation: changeMultiplier * clip * scale * rounding / Double(shares).squareRoot())
    }

    /// What a center's noise of a round follows from, or the server's.
    /// - Parameter center: nil: the server.
    func key(round: Int, center: Int?) -> NoiseKey {
        settings.insecureSeed == 0
            ? NoiseKey() : NoiseKey(insecure: "\(rounds) \(round) \(center.map(String.init) ?? "server")")
    }
}
