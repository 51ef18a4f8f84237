import DifferentialPrivacy
import Foundation
import Testing

@Suite struct DiscreteGaussianTests {
    private func samples(_ deviation: Double, _ count: Int, part: Int = 0) -> [Int64] {
        var sums = [UInt64](repeating: 0, count: count)
        sums.withUnsafeMutableBufferPointer {
            DiscreteGaussian(deviation: deviation).add(NoiseKey(insecure: "test"), part: part, to: $0)
        }
        return sums.map { Int64(bitPattern: $0) }
    }

    @Test(arguments: [0.4, 1, 2.7, 10])
    func smallValuesHaveTheirChances(deviation: Double) {
        let values = samples(deviation, 200_000)
        let total = (-100...100).reduce(0.0) { $0 + exp(-Double($1 * $1) / (2 * deviation * deviation)) }
        var chi = 0.0
        var bins = 0.0
        for value in -40...40 {
            let expected = Double(values.count) * exp(-Double(value * value) / (2 * deviation * deviation)) / total
            guard expected > 10 else { continue }
            let found = Double(values.count { $0 == Int64(value) })
            chi += (found - expected) * (found - expected) / expected
            bins += 1
        }
        #expect(abs(chi - bins) < 6 * (2 * bins).squareRoot(), "χ² \(chi) of \(bins)")
    }

    @Test(arguments: [1e3, 1e7, 3e10])
    func largeDeviationsHaveVarianceAndTails(deviation: Double) {
        let values = samples(deviation, 400_000).map { Double($0) / deviation }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + $1 * $1 } / count
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count
        #expect(abs(mean) < 5 / count.squareRoot())
        #expect(abs(variance - 1) < 5 * (2 / count).squareRoot())
        #expect(abs(fourth - 3) < 5 * (96 / count).squareRoot())
        for (bound, chance) in [(1.0, 0.317310508), (2, 0.045500264), (3, 0.002699796), (4, 6.33425e-5)] {
            let found = Double(values.count { abs($0) > bound })
            #expect(abs(found - count * chance) < 5 * (count * chance).squareRoot() + 1, "beyond \(bound)")
        }
        #expect(values.allSatisfy { abs($0) < 8 })
    }

    @Test func partsAndPlacesHaveTheirOwnNoise() {
        let (first, second) = (samples(1e9, 50_000), samples(1e9, 50_000, part: 1))
        #expect(Set(first).count > 49_990 && zip(first, second).count { $0 == $1 } < 5)
        let product = zip(first, second).reduce(0.0) { $0 + Double($1.0) * Double($1.1) / 1e18 } / 50_000
        #expect(abs(product) < 5 / 50_000.0.squareRoot())
        #expect(samples(1e9, 100) == Array(first[..<100]))
    }

    @Test func keysOfTheSystemDiffer() {
        var sums = [[UInt64]](repeating: [UInt64](repeating: 0, count: 10), count: 2)
        for index in 0..<2 {
            sums[index].withUnsafeMutableBufferPointer {
                DiscreteGaussian(deviation: 1e9).add(NoiseKey(), part: 0, to: $0)
            }
        }
        #expect(sums[0] != sums[1])
    }
}
