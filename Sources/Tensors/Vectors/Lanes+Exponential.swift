/// e^x after Cephes' `expf`: reduce by ln 2 in two parts, a polynomial of degree 5, scale by a power of two. The largest
/// error is below 2 units in the last place; arguments below −87.3 give the smallest normal number, above 88.3 the
/// largest finite one.
extension SIMD16<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = clamped(lowerBound: Self(repeating: -87.3), upperBound: Self(repeating: 88.3))
        let n = (x * 1.442_695_04).rounded(.toNearestOrEven)
        let power = SIMD16<UInt32>(truncatingIfNeeded: (SIMD16<Int32>(n) &+ 127) &<< 23)
        return exponentialPolynomial(x, n) * unsafeBitCast(power, to: Self.self)
    }
}

extension SIMD8<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = clamped(lowerBound: Self(repeating: -87.3), upperBound: Self(repeating: 88.3))
        let n = (x * 1.442_695_04).rounded(.toNearestOrEven)
        let power = SIMD8<UInt32>(truncatingIfNeeded: (SIMD8<Int32>(n) &+ 127) &<< 23)
        return exponentialPolynomial(x, n) * unsafeBitCast(power, to: Self.self)
    }
}

extension SIMD4<Float> {
    @inline(__always)
    func exponential() -> Self {
        let x = clamped(lowerBound: Self(repeating: -87.3), upperBound: Self(repeating: 88.3))
        let n = (x * 1.442_695_04).rounded(.toNearestOrEven)
        let power = SIMD4<UInt32>(truncatingIfNeeded: (SIMD4<Int32>(n) &+ 127) &<< 23)
        return exponentialPolynomial(x, n) * unsafeBitCast(power, to: Self.self)
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
