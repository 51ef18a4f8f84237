/// The transforms of Winograd's F(4, 3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016), in
/// one dimension; two dimensions apply them to columns and then to rows.
///
/// Interpolation points are 0, ±1/√2, ±√2 and ∞. Their coefficients stay within [¼, 2½], which loses about half a
/// digit less in float32 than the usual 0, ±1, ±2. With M(x) = x (x² − ½)(x² − 2):
///
///     output y_k = Σ_i p_i^k m_i                        (and y_3 also takes m_∞)
///     weight u_i = (g_0 + p_i g_1 + p_i² g_2) / N_i,    N_i = Π_{j≠i} (p_i − p_j)
///     input  v_i = coefficients of M(x) / (x − p_i), applied to d_0 … d_5
enum WinogradTransform {
    /// 1/√2, the inner pair of points.
    static let inner: Float = 0.707_106_781
    /// √2, the outer pair of points.
    static let outer: Float = 1.414_213_562
    /// Frequencies of one 6 × 6 tile.
    static let frequencies = 36

    /// Six input values to six frequencies.
    @inline(__always)
    static func input<V: Lanes>(_ d: (V, V, V, V, V, V)) -> (V, V, V, V, V, V) {
        let minusFiveHalves = V(repeating: -2.5)
        let evenInner = d.4.adding(d.2, times: V(repeating: -2))
        let oddInner = d.3.adding(d.1, times: V(repeating: -2)) * V(repeating: inner)
        let evenOuter = d.4.adding(d.2, times: V(repeating: -0.5))
        let oddOuter = d.3.adding(d.1, times: V(repeating: -0.5)) * V(repeating: outer)
        return (
            (d.0 + d.4).adding(d.2, times: minusFiveHalves), evenInner + oddInner, evenInner - oddInner,
            evenOuter + oddOuter, evenOuter - oddOuter, (d.1 + d.5).adding(d.3, times: minusFiveHalves)
        )
    }

    /// Six frequencies to four output values.
    @inline(__always)
    static func output<V: Lanes>(_ m: (V, V, V, V, V, V)) -> (V, V, V, V) {
        let evenInner = m.1 + m.2
        let oddInner = m.1 - m.2
        let evenOuter = m.3 + m.4
        let oddOuter = m.3 - m.4
        return (
            m.0 + evenInner + evenOuter,
            (oddInner * V(repeating: inner)).adding(oddOuter, times: V(repeating: outer)),
            (evenInner * V(repeating: 0.5)).adding(evenOuter, times: V(repeating: 2)),
            m.5.adding(oddInner, times: V(repeating: 0.5 * inner)).adding(oddOuter, times: V(repeating: 2 * outer))
        )
    }

    /// The adjoint of ``output(_:)``: four gradients to six frequencies.
    @inline(__always)
    static func outputAdjoint<V: Lanes>(_ y: (V, V, V, V)) -> (V, V, V, V, V, V) {
        let evenInner = y.0.adding(y.2, times: V(repeating: 0.5))
        let oddInner = y.1.adding(y.3, times: V(repeating: 0.5)) * V(repeating: inner)
        let evenOuter = y.0.adding(y.2, times: V(repeating: 2))
        let oddOuter = y.1.adding(y.3, times: V(repeating: 2)) * V(repeating: outer)
        return (
            y.0, evenInner + oddInner, evenInner - oddInner, evenOuter + oddOuter, evenOuter - oddOuter, y.3
        )
    }

    /// Three weights to six frequencies.
    @inline(__always)
    static func weight<V: Lanes>(_ g: (V, V, V)) -> (V, V, V, V, V, V) {
        let innerScale = V(repeating: -1 / 1.5)
        let outerScale = V(repeating: 1 / 6)
        let evenInner = g.0.adding(g.2, times: V(repeating: 0.5)) * innerScale
        let oddInner = g.1 * (V(repeating: inner) * innerScale)
        let evenOuter = g.0.adding(g.2, times: V(repeating: 2)) * outerScale
        let oddOuter = g.1 * (V(repeating: outer) * outerScale)
        return (
            g.0, evenInner + oddInner, evenInner - oddInner, evenOuter + oddOuter, evenOuter - oddOuter, g.2
        )
    }

    /// The adjoint of ``weight(_:)``: six frequencies to three weight gradients.
    @inline(__always)
    static func weightAdjoint<V: Lanes>(_ u: (V, V, V, V, V, V)) -> (V, V, V) {
        let evenInner = (u.1 + u.2) * V(repeating: -1 / 1.5)
        let oddInner = (u.1 - u.2) * V(repeating: -1 / 1.5)
        let evenOuter = (u.3 + u.4) * V(repeating: 1 / 6)
        let oddOuter = (u.3 - u.4) * V(repeating: 1 / 6)
        return (
            u.0 + evenInner + evenOuter,
            (oddInner * V(repeating: inner)).adding(oddOuter, times: V(repeating: outer)),
            u.5.adding(evenInner, times: V(repeating: 0.5)).adding(evenOuter, times: V(repeating: 2))
        )
    }
}
