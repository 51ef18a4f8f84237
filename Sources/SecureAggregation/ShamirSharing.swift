/// Shamir's secret sharing (How to Share a Secret, CACM 1979) of 32 bytes: any `threshold` of the shares tell the secret, and
/// fewer tell nothing.
///
/// The bytes are five numbers below 2⁵⁶, each shared by a polynomial of its own over the field of 2⁶¹ − 1.
package struct ShamirSharing: Sendable {
    /// Bytes of a secret.
    package static let secretBytes = 32
    private static let bytesPerNumber = 7
    /// Numbers of the field that a share has.
    package static let numbers = 5

    /// How many shares tell the secret.
    package let threshold: Int

    /// A sharing that `threshold` shares, at least one, undo.
    package init(threshold: Int) {
        precondition(threshold >= 1, "a secret is told by one share at least")
        self.threshold = threshold
    }

    /// A holder's share: the polynomials' values at a point.
    package struct Share: Codable, Sendable, Equatable {
        /// The point, from 1.
        package var point: UInt64
        /// Five numbers of the field.
        package var values: [UInt64]

        /// A share at a point.
        package init(point: UInt64, values: [UInt64]) {
            self.point = point
            self.values = values
        }
    }

    /// Shares for `holders` holders, at the points 1, 2, ….
    /// - Parameter secret: 32 bytes.
    package func split(
        _ secret: [UInt8], holders: Int, using generator: inout some RandomNumberGenerator
    ) -> [Share] {
        precondition(secret.count == Self.secretBytes, "a secret has 32 bytes")
        let polynomials = Self.numbers(of: secret).map { number in
            [number] + (1..<threshold).map { _ in PrimeField.random(using: &generator) }
        }
        return (0..<holders).map { holder in
            let point = UInt64(holder + 1)
            return Share(point: point, values: polynomials.map { Self.value(of: $0, at: point) })
        }
    }

    /// The secret of some shares; nil where they are too few, contradict each other, or are of no secret.
    ///
    /// Shares beyond the threshold are checked against the others.
    package func join(_ shares: [Share]) -> [UInt8]? {
        let points = shares.map(\.point)
        guard shares.count >= threshold, Set(points).count == points.count,
            shares.allSatisfy({ share in
                share.point > 0 && share.point < PrimeField.prime && share.values.count == Self.numbers
                    && share.values.allSatisfy { $0 < PrimeField.prime }
            })
        else { return nil }
        let (base, rest) = (Array(shares[..<threshold]), shares[threshold...])
        for share in rest {
            let weights = Self.weights(of: base.map(\.point), at: share.point)
            for number in 0..<Self.numbers
            where Self.combination(base, weights, number) != share.values[number] { return nil }
        }
        let weights = Self.weights(of: base.map(\.point), at: 0)
        let numbers = (0..<Self.numbers).map { Self.combination(base, weights, $0) }
        return Self.secret(of: numbers)
    }

    private static func value(of polynomial: [UInt64], at point: UInt64) -> UInt64 {
        polynomial.reversed().reduce(0) { PrimeField.sum(PrimeField.product($0, point), $1) }
    }

    /// Lagrange's weights: what the values at `points` count in the value at `target`.
    private static func weights(of points: [UInt64], at target: UInt64) -> [UInt64] {
        points.map { point in
            var (above, below) = (UInt64(1), UInt64(1))
            for other in points where other != point {
                above = PrimeField.product(above, PrimeField.difference(target, other))
                below = PrimeField.product(below, PrimeField.difference(point, other))
            }
            return PrimeField.product(above, PrimeField.inverse(below))
        }
    }

    private static func combination(_ shares: [Share], _ weights: [UInt64], _ number: Int) -> UInt64 {
        zip(shares, weights).reduce(0) { PrimeField.sum($0, PrimeField.product($1.0.values[number], $1.1)) }
    }

    /// The secret's bytes, seven to a number, the lowest first.
    private static func numbers(of secret: [UInt8]) -> [UInt64] {
        stride(from: 0, to: secret.count, by: bytesPerNumber).map { start in
            secret[start..<min(secret.count, start + bytesPerNumber)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    private static func secret(of numbers: [UInt64]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for number in numbers {
            let count = min(bytesPerNumber, secretBytes - bytes.count)
            guard number >> UInt64(8 * count) == 0 else { return nil }
            for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * place))) }
        }
        return bytes
    }
}
