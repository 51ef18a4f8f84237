/// Random numbers that are a function of what they are for, never of how many were drawn before by somebody else.
///
/// A stream is keyed by the run's seed, a purpose and any number of coordinates (center, round, epoch, step). Two
/// streams with different keys are independent; the same key gives the same numbers on any rank, thread or machine.
/// The generator is counter based: number `i` is SplitMix64's finalizer applied to `key + (i + 1) · γ`
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
package struct RandomStream: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The stream of one purpose.
    /// - Parameters:
    ///   - seed: the run's seed.
    ///   - purpose: what the numbers are for, such as `"augmentation"` or a center's name.
    ///   - coordinates: further parts of the key: round, epoch, step, ….
    package init(seed: UInt64, purpose: String, _ coordinates: Int...) {
        var key = Self.mix(seed &+ Self.hash(purpose))
        for coordinate in coordinates { key = Self.mix(key ^ Self.mix(UInt64(bitPattern: Int64(coordinate)))) }
        state = key
    }

    /// The next 64 uniformly distributed bits.
    package mutating func next() -> UInt64 {
        defer { state &+= Self.increment }
        return Self.mix(state)
    }

    /// A number in [0, 1) with 53 random bits.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number in `range`, uniformly distributed.
    package mutating func uniform(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    }

    /// An integer in `0 ..< count`, by multiplication and shift (bias below count · 2⁻⁶⁴).
    package mutating func index(below count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    /// `0 ..< count` in random order (Fisher-Yates; the standard library does not promise its own order to stay).
    package mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, index(below: last + 1)) }
        return order
    }

    /// 64-bit FNV-1a of a text's UTF-8 bytes.
    package static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// SplitMix64: adds the increment and scrambles. `mix(hash(name) &+ i)` is the number `i` of a named array.
    package static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ increment
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
}
