import DifferentialPrivacy
import Foundation
import Testing

@Suite struct RenyiAccountantTests {
    private func expectClose(
        _ found: Double, _ wanted: Double, within tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(abs(found - wanted) <= tolerance * abs(wanted), "\(found), \(wanted)", sourceLocation: sourceLocation)
    }

    /// Opacus's own test, over its orders.
    @Test func epsilonIsOpacus() {
        let account = RenyiAccountant(noiseMultiplier: 1.5, sampling: 0.04)
        expectClose(account.epsilon(releases: 2250, delta: 1e-5), 7.32911117143, within: 1e-9)
    }

    /// Google's test of dp-accounting. Its number for order 1.5, 6.70579741e-4, is an upper bound (it adds the magnitudes of a series
    /// that alternates); the integral itself, by quadrature with 30 digits, is less.
    @Test func divergencesAreThoseOfDPAccounting() {
        let wanted = [
            (1.5, 6.50070897188e-4), (2.5, 1.08541805689e-3), (5, 2.18075656e-3), (50, 2.38460375e-2),
            (100, 167.416308),
        ]
        for (order, value) in wanted {
            expectClose(50 * RenyiAccountant.divergence(2.5, 0.01, order: order), value, within: 5e-9)
        }
        #expect(50 * RenyiAccountant.divergence(2.5, 0.01, order: 1.5) < 6.70579741e-4)
        #expect(50 * RenyiAccountant.divergence(2.5, 0.01, order: 2.5) < 1.08548710e-3)
    }

    @Test func withoutSamplingItIsTheGaussianMechanism() {
        let account = RenyiAccountant(noiseMultiplier: 4.530877117, sampling: 1)
        expectClose(account.epsilon(releases: 1, delta: 1e-6), 1, within: 1e-6)
        expectClose(RenyiAccountant.divergence(2, 1, order: 3), 0.375, within: 1e-15)
    }

    @Test func fractionalOrdersLieBetweenTheirNeighbours() {
        // (order − 1) · divergence is convex in the order, and the divergence rises with it.
        for (noise, sampling) in [(0.7, 0.3), (1.0, 0.01), (2.5, 0.01), (1.1, 0.5), (5, 0.001)] as [(Double, Double)] {
            let all = stride(from: 1.1, through: 12, by: 0.1).map { ($0 * 10).rounded() / 10 }
            let known = all.map { ($0, RenyiAccountant.divergence(noise, sampling, order: $0)) }.filter(\.1.isFinite)
            // Where many are in the sample, the series of the lowest orders do not end, and these are passed over.
            #expect(known.count > (sampling == 0.5 ? 90 : 100))
            let (orders, values) = (known.map(\.0), known.map(\.1))
            for index in 1..<orders.count {
                #expect(values[index] >= values[index - 1] * (1 - 1e-9), "\(noise), \(sampling), \(orders[index])")
            }
            let moments = zip(orders, values).map { ($0 - 1) * $1 }
            for index in 1..<orders.count - 1 {
                #expect(
                    moments[index] <= (moments[index - 1] + moments[index + 1]) / 2 * (1 + 1e-9),
                    "\(noise), \(sampling), \(orders[index])")
            }
        }
    }

    @Test func budgetsAreKeptAndUsedUp() throws {
        let account = RenyiAccountant(noiseMultiplier: 1.1, sampling: 0.1)
        let releases = account.releases(within: 8, delta: 1e-5)
        #expect(account.epsilon(releases: releases, delta: 1e-5) <= 8)
        #expect(account.epsilon(releases: releases + 1, delta: 1e-5) > 8)
        #expect(account.releases(within: 0.01, delta: 1e-5) == 0)
        #expect(account.epsilon(releases: 0, delta: 1e-5) == 0)
        let noise = try #require(
            RenyiAccountant.noiseMultiplier(releases: 100, sampling: 0.1, epsilon: 4, delta: 1e-5))
        func epsilon(_ noise: Double) -> Double {
            RenyiAccountant(noiseMultiplier: noise, sampling: 0.1).epsilon(releases: 100, delta: 1e-5)
        }
        #expect(epsilon(noise) <= 4 && epsilon(noise * 0.9999) > 4)
        #expect(RenyiAccountant.noiseMultiplier(releases: 1_000_000, sampling: 1, epsilon: 1e-6, delta: 1e-9) == nil)
    }

    @Test func extremesAreNoNumbersOfTheirOwn() {
        #expect(RenyiAccountant.divergence(0, 0.1, order: 2) == .infinity)
        #expect(RenyiAccountant.divergence(1, 0, order: 2) == 0)
        #expect(RenyiAccountant(noiseMultiplier: 0, sampling: 0.1).epsilon(releases: 1, delta: 1e-5) == .infinity)
        for noise in [0.3, 1, 30, 1000] {
            for sampling in [1e-6, 0.01, 0.5, 0.999] {
                let epsilon = RenyiAccountant(noiseMultiplier: noise, sampling: sampling).epsilon(
                    releases: 10, delta: 1e-5)
                #expect(epsilon >= 0 && !epsilon.isNaN, "\(noise), \(sampling): \(epsilon)")
            }
        }
    }
}
