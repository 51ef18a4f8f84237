/// e^x after Cephes' `expf`: reduce by ln 2 in two parts, a polynomial of degree 5, scale by a power of two. The largest
/// error is below 2 units in the last place; arguments are clamped to [−87.3, 88.3], where the result is neither
/// denormal nor infinite.
extension SIMD16<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = maximum(Self(repeating: -87.3)).minimum(Self(repeating: 88.3))
        // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits, from where a shift makes the exponent.
        let shifted = Self(repeating: 12_582_912).adding(x, times: Self(repeating: 1.442_695_04))
        let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self)
        let power = (bits &<< 23) &+ SIMD16<UInt32>(repeating: 127 << 23)
        let polynomial = exponentialPolynomial(x, shifted - Self(repeating: 12_582_912))
        return polynomial * unsafeBitCast(power, to: Self.self)
    }
}

extension SIMD8<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = maximum(Self(repeating: -87.3)).minimum(Self(repeating: 88.3))
        // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits, from where a shift makes the exponent.
        let shifted = Self(repeating: 12_582_912).adding(x, times: Self(repeating: 1.442_695_04))
        let bits = unsafeBitCast(shifted, to: SIMD8<UInt32>.self)
        let power = (bits &<< 23) &+ SIMD8<UInt32>(repeating: 127 << 23)
        let polynomial = exponentialPolynomial(x, shifted - Self(repeating: 12_582_912))
        return polynomial * unsafeBitCast(power, to: Self.self)
    }
}

extension SIMD4<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = maximum(Self(repeating: -87.3)).minimum(Self(repeating: 88.3))
        // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits, from where a shift makes the exponent.
        let shifted = Self(repeating: 12_582_912).adding(x, times: Self(repeating: 1.442_695_04))
        let bits = unsafeBitCast(shifted, to: SIMD4<UInt32>.self)
        let power = (bits &<< 23) &+ SIMD4<UInt32>(repeating: 127 << 23)
        let polynomial = exponentialPolynomial(x, shifted - Self(repeating: 12_582_912))
        return polynomial * unsafeBitCast(power, to: Self.self)
    }
}

/// e^(x − n ln 2) for |x − n ln 2| ≤ ½ ln 2.
@inline(__always)
private func exponentialPolynomial<V: Lanes>(_ x: V, _ n: V) -> V {
    let r = x.adding(n, times: V(repeating: -0.693_359_375)).adding(n, times: V(repeating: 2.121_944_4e-4))
    var p = V(repeating: 1.987_569_15e-4)
    p = V(repeating: 1.398_199_95e-3).adding(p, times: r)
    p = V(repeating: 8.333_451_9e-3).adding(p, times: r)
    p = V(repeating: 4.166_579_6e-2).adding(p, times: r)
    p = V(repeating: 1.666_666_55e-1).adding(p, times: r)
    p = V(repeating: 5.000_000_1e-1).adding(p, times: r)
    return (V(repeating: 1) + r).adding(p, times: r * r)
}
