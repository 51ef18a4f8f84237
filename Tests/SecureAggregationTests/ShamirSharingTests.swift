import Testing

import SecureAggregation

@Suite struct ShamirSharingTests {
    private static func random() -> [UInt8] { (0..<32).map { _ in .random(in: 0...255) } }

    @Test(arguments: [(1, 1), (1, 4), (2, 2), (2, 3), (4, 6), (51, 100)])
    func anyThresholdSharesTellTheSecret(threshold: Int, holders: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let sharing = ShamirSharing(threshold: threshold)
        for secret in [Self.random(), [UInt8](repeating: 0, count: 32), [UInt8](repeating: 255, count: 32)] {
            let shares = sharing.split(secret, holders: holders, using: &generator)
            for _ in 0..<5 { #expect(sharing.join(Array(shares.shuffled().prefix(threshold))) == secret) }
            #expect(sharing.join(shares.shuffled()) == secret)
        }
    }

    @Test func fewerSharesTellNothing() {
        var generator = SystemRandomNumberGenerator()
        let sharing = ShamirSharing(threshold: 3)
        let secret = Self.random()
        let shares = sharing.split(secret, holders: 5, using: &generator)
        #expect(sharing.join(Array(shares.prefix(2))) == nil)
        // Any other secret has a third share that fits the same two.
        var other = secret
        other[0] ^= 1
        let two = Array(shares.prefix(2))
        let values = (0..<ShamirSharing.numbers).map { number -> UInt64 in
            // The value at 3 of the polynomial through (0, other), (1, ·) and (2, ·): s − 3a + 3b, by differences.
            let start = ShamirSharing(threshold: 1).split(other, holders: 1, using: &generator)[0].values[number]
            let (first, second) = (two[0].values[number], two[1].values[number])
            let third = PrimeField.difference(second, first)
            return PrimeField.sum(start, PrimeField.product(3, third))
        }
        #expect(sharing.join(two + [.init(point: 3, values: values)]) == other)
    }

    @Test func alteredSharesAreFound() {
        var generator = SystemRandomNumberGenerator()
        let sharing = ShamirSharing(threshold: 3)
        let secret = Self.random()
        let shares = sharing.split(secret, holders: 5, using: &generator)
        for bit in 0..<61 {
            var altered = shares
            altered[1].values[2] ^= 1 << bit
            // Beyond the threshold the others contradict it; else another secret comes out, or none.
            #expect(sharing.join(altered) == nil)
            #expect(sharing.join(Array(altered.prefix(3))) != secret)
        }
        var twice = shares
        twice[1].point = 1
        #expect(sharing.join(twice) == nil)
        var outside = shares
        outside[0].values[0] = PrimeField.prime
        #expect(sharing.join(outside) == nil)
        outside = shares
        outside[0].values.removeLast()
        #expect(sharing.join(outside) == nil)
    }

    @Test func sharesAreSpreadOverTheField() {
        // Of one secret, a holder's share is any number: the mean of its bits is a half.
        var generator = SystemRandomNumberGenerator()
        let sharing = ShamirSharing(threshold: 2)
        let secret = [UInt8](repeating: 7, count: 32)
        var ones = [Int](repeating: 0, count: 61)
        let repeats = 4000
        for _ in 0..<repeats {
            let value = sharing.split(secret, holders: 1, using: &generator)[0].values[0]
            for bit in 0..<61 where value >> UInt64(bit) & 1 == 1 { ones[bit] += 1 }
        }
        // Six standard deviations of a fair coin.
        let bound = 6 * 0.5 * Double(repeats).squareRoot()
        #expect(ones.allSatisfy { abs(Double($0) - Double(repeats) / 2) < bound }, "\(ones)")
    }

    @Test func fieldArithmeticIsModular() {
        let prime = PrimeField.prime
        #expect(PrimeField.sum(prime - 1, 1) == 0)
        #expect(PrimeField.difference(0, 1) == prime - 1)
        #expect(PrimeField.product(prime - 1, prime - 1) == 1)
        // 2^61 = 1
        #expect(PrimeField.product(1 << 60, 2) == 1)
        for value in [1, 2, 3, prime - 1, 1 << 60, 123_456_789_012_345] as [UInt64] {
            #expect(PrimeField.product(value, PrimeField.inverse(value)) == 1)
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let (first, second) = (PrimeField.random(using: &generator), PrimeField.random(using: &generator))
            let (high, low) = first.multipliedFullWidth(by: second)
            #expect(prime.dividingFullWidth((high, low)).remainder == PrimeField.product(first, second))
        }
    }
}
