/// Numbers modulo the prime 2⁶¹ − 1.
package enum PrimeField {
    /// The number of its elements.
    package static let prime: UInt64 = (1 << 61) - 1

    /// `first` + `second`.
    package static func sum(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let sum = first + second
        return sum >= prime ? sum - prime : sum
    }

    /// `first` - `second`.
    package static func difference(_ first: UInt64, _ second: UInt64) -> UInt64 {
        first >= second ? first - second : first + prime - second
    }

    /// `first` · `second`.
    package static func product(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let (high, low) = first.multipliedFullWidth(by: second)
        // 2⁶¹ is 1: the product's bits from 61 on count as a number of their own.
        return sum(low & prime, high << 3 | low >> 61)
    }

    /// 1 / `value`, which is not 0, by Fermat's little theorem.
    package static func inverse(_ value: UInt64) -> UInt64 {
        var (result, base, exponent) = (UInt64(1), value, prime - 2)
        while exponent > 0 {
            if exponent & 1 == 1 { result = product(result, base) }
            base = product(base, base)
            exponent >>= 1
        }
        return result
    }

    /// Any number of the field, all equally likely.
    package static func random(using generator: inout some RandomNumberGenerator) -> UInt64 {
        while true {
            let value = generator.next() as UInt64 >> 3
            if value < prime { return value }
        }
    }
}
