import Comparisons
import Testing

/// Expected numbers are SciPy 1.17's on the same differences.
@Suite("Statistics")
struct StatisticsTests {
    @Test(
        "Wilcoxon's test is scipy.stats.wilcoxon's: exact, with ties and zeros, and approximated",
        arguments: [
            ("exact", [0.01, -0.02, 0.03, 0.04, 0.05, 0.061], 0.09375),
            ("all of one sign", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.0078125),
            (
                "exact, thirty",
                [
                    0.2, -0.1, 0.03, 0.08, -0.24, 0.25, -0.12, -0.07, 0.13, -0.18, 0.04, 0.28, 0.3, 0.17, 0.02, -0.26,
                    0.21,
                    0.29, 0.19, 0.05, -0.27, 0.16, 0.11, -0.14, 0.23, 0.01, 0.06, 0.22, -0.15, 0.09,
                ], 0.10483990423381329
            ),
            ("ties, ten", [0.1, 0.1, -0.1, 0.2, 0.2, 0.3, -0.3, 0.4, 0.5, 0.5], 0.060546875),
            (
                "ties and zeros, twelve", [0, 0.1, 0.1, -0.1, 0.2, 0.2, 0.3, -0.3, 0.4, 0.5, 0.5, 0], 0.060546875
            ),
            (
                "ties and zeros, twenty",
                [
                    0.2, 0.1, 0.2, -0.1, 0, 0.2, 0.2, 0.4, 0.1, -0.2, 0.4, 0.3, -0.2, 0.3, 0.1, -0.3, 0, -0.1, 0.4,
                    -0.1,
                ], 0.06485368983936186
            ),
        ] as [(String, [Double], Double)])
    func signedRanks(_ name: String, _ differences: [Double], _ wanted: Double) throws {
        let found = try #require(SignedRankTest.pValue(differences))
        #expect(abs(found - wanted) < 1e-12)
        // Which side is called the better one does not matter, nor the order.
        let turned = try #require(SignedRankTest.pValue(differences.map { -$0 }.reversed()))
        #expect(abs(turned - found) < 1e-12)
    }

    @Test("without a difference there is no probability")
    func noDifference() {
        #expect(SignedRankTest.pValue([]) == nil)
        #expect(SignedRankTest.pValue([0, 0, 0]) == nil)
    }

    @Test("Holm's correction steps down: the least times all, and never below the one before")
    func holm() {
        let adjusted = HolmCorrection.adjusted([0.01, 0.04, 0.03, 0.005, 0.6, 0.6])
        for (found, wanted) in zip(adjusted, [0.05, 0.12, 0.12, 0.03, 1, 1]) { #expect(abs(found - wanted) < 1e-12) }
        #expect(HolmCorrection.adjusted([]).isEmpty)
        #expect(HolmCorrection.adjusted([0.9]) == [0.9])
    }

    private let values = [
        -0.015, 0.031, 0.003, -0.008, -0.092, 0.146, 0.016, 0.027, 0.029, -0.216, 0.073, -0.013, -0.009, 0.027, -0.077,
        0.104, -0.05, -0.07, -0.066, 0.036, 0.095, -0.04, -0.131, 0.126, -0.087,
    ]

    @Test("with one value in a cluster the interval is scipy.stats.bootstrap's percentile interval")
    func bootstrap() throws {
        let interval = try #require(ClusterBootstrap(resamples: 200_000).interval(values.map { [$0] }, purpose: "a"))
        // Of 200000 resamples on both sides: a standard error of 0.0002.
        #expect(abs(interval.lowerBound + 0.03872) < 0.001)
        #expect(abs(interval.upperBound - 0.02492) < 0.001)
    }

    @Test("values of one cluster count as one draw: twice the same patients leave the interval as wide")
    func clusters() throws {
        let bootstrap = ClusterBootstrap(resamples: 20_000)
        let single = try #require(bootstrap.interval(values.map { [$0] }, purpose: "a"))
        let double = try #require(bootstrap.interval(values.map { [$0, $0] }, purpose: "a"))
        let apart = try #require(bootstrap.interval((values + values).map { [$0] }, purpose: "a"))
        func width(_ range: ClosedRange<Double>) -> Double { range.upperBound - range.lowerBound }
        #expect(abs(width(double) - width(single)) < 1e-9)
        #expect(width(apart) < 0.8 * width(single))
        #expect(try #require(bootstrap.interval(values.map { [$0] }, purpose: "a")) == single)
        #expect(bootstrap.interval([[1, 2]], purpose: "a") == nil)
    }
}
