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
struct ReleasedNoise {
    private let settings: Configuration.DifferentialPrivacy
    private let rounds: String
    /// What a run's noise costs.
    let account: RenyiAccountant

    /// The noise of a run; nil where it has none.
    init?(_ configuration: Configuration) {
        settings = configuration.privacy.differential
        guard settings.isEnabled else { return nil }
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

    /// The largest norm of a change.
    var clip: Double { settings.clip }

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
            isInsecure: settings.insecureSeed != 0)
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
            deviation: settings.noiseMultiplier * clip * scale * rounding / Double(shares).squareRoot())
    }

    /// What a center's noise of a round follows from, or the server's.
    /// - Parameter center: nil: the server.
    func key(round: Int, center: Int?) -> NoiseKey {
        settings.insecureSeed == 0
            ? NoiseKey() : NoiseKey(insecure: "\(rounds) \(round) \(center.map(String.init) ?? "server")")
    }
}
