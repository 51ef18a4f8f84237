import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Random streams")
struct RandomStreamTests {
    @Test("the generator is SplitMix64: its published numbers for seed 1234567")
    func splitMix() {
        let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
        let numbers = (0..<5).map { RandomStream.mix(1_234_567 &+ increment &* $0) }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test(
        "the hash of purposes is FNV-1a: its published values",
        arguments: [
            ("", 0xCBF2_9CE4_8422_2325), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8),
        ] as [(String, UInt64)])
    func hash(_ text: String, _ value: UInt64) { #expect(RandomStream.hash(text) == value) }

    // From an implementation in Python; checkpoints and phantoms of older programs depend on them.
    @Test("keyed streams keep their numbers for good")
    func keyed() {
        var shuffle = RandomStream(seed: 7, purpose: "shuffle/center-01", 3, -1)
        #expect(
            (0..<3).map { _ in shuffle.next() }
                == [0x7D92_72D0_D33A_C276, 0x8B3B_664A_E05B_92FD, 0x9C5D_1ED9_A76C_E054])
        var initial = RandomStream(seed: 1, purpose: "initialization/global_encoder.level1.conv1.weight")
        #expect(
            (0..<3).map { _ in initial.next() }
                == [0x3959_B8C1_61E4_BE0E, 0x6EC6_FAAD_1506_33B2, 0xA4F7_5067_F1EE_519F])
    }

    @Test("every part of a key counts, and its place")
    func keys() {
        var first: Set<UInt64> = []
        var streams = [
            RandomStream(seed: 1, purpose: "a"), RandomStream(seed: 2, purpose: "a"),
            RandomStream(seed: 1, purpose: "b"), RandomStream(seed: 1, purpose: "a", 0),
            RandomStream(seed: 1, purpose: "a", 0, 0), RandomStream(seed: 1, purpose: "a", 1, 2),
            RandomStream(seed: 1, purpose: "a", 2, 1), RandomStream(seed: 1, purpose: "a", -1),
        ]
        for index in streams.indices { first.insert(streams[index].next()) }
        #expect(first.count == streams.count)
    }

    @Test("numbers of neighbouring keys are independent")
    func independence() {
        // The first numbers of a thousand keys that differ in one coordinate, and those of one stream.
        let across = (0..<20_000).map { key -> Double in
            var stream = RandomStream(seed: 1, purpose: "augmentation", 5, key)
            return stream.uniform()
        }
        var stream = RandomStream(seed: 1, purpose: "augmentation", 5)
        let along = (0..<20_000).map { _ in stream.uniform() }
        for numbers in [across, along] {
            for lag in [1, 2, 7] {
                let pairs = zip(numbers, numbers.dropFirst(lag))
                let product = pairs.reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) }
                // Four standard deviations of the correlation.
                #expect(abs(12 * product / Double(numbers.count - lag)) < 4 / Double(numbers.count).squareRoot())
            }
        }
    }

    @Test("numbers are uniform in [0, 1)", arguments: 1...4)
    func uniformity(_ seed: UInt64) {
        var stream = RandomStream(seed: seed, purpose: "uniformity")
        var bins = [Int](repeating: 0, count: 64)
        for _ in 0..<64_000 {
            let number = stream.uniform()
            guard number >= 0 && number < 1 else {
                Issue.record("\(number)")
                return
            }
            bins[Int(number * 64)] += 1
        }
        let chiSquare = bins.reduce(0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
        // 63 degrees of freedom: one in a hundred thousand is above.
        #expect(chiSquare < 120)
        var other = stream
        #expect((0..<1000).allSatisfy { _ in (-3...5).contains(other.uniform(in: -3...5)) })
    }

    @Test("permutations are fair and complete")
    func permutations() {
        var stream = RandomStream(seed: 3, purpose: "permutations")
        var counts: [[Int]: Int] = [:]
        for _ in 0..<12_000 { counts[stream.permutation(of: 4), default: 0] += 1 }
        #expect(counts.count == 24)
        let chiSquare = counts.values.reduce(0) { $0 + Double(($1 - 500) * ($1 - 500)) / 500 }
        #expect(chiSquare < 65)
        #expect(stream.permutation(of: 0).isEmpty)
        #expect(stream.permutation(of: 1) == [0])
        #expect(stream.permutation(of: 1000).sorted() == Array(0..<1000))
    }

    @Test("indices stay below their bound", arguments: [1, 2, 3, 1000])
    func indices(_ count: Int) {
        var stream = RandomStream(seed: 9, purpose: "indices")
        let drawn = Set((0..<20_000).map { _ in stream.index(below: count) })
        #expect(drawn == Set(0..<count))
    }

    @Test("normal numbers have the moments of the normal distribution")
    func normal() {
        var stream = RandomStream(seed: 5, purpose: "normal")
        let numbers = (0..<50_000).map { _ in stream.normal() }
        for (power, expected, deviation) in [(1.0, 0.0, 1.0), (2, 1, 1.42), (3, 0, 3.9), (4, 3, 9.8)] {
            let moment = numbers.reduce(0) { $0 + pow($1, power) } / 50_000
            #expect(abs(moment - expected) < 4 * deviation / 50_000.0.squareRoot(), "moment \(power)")
        }
        #expect(numbers.allSatisfy { $0.isFinite })
    }
}
