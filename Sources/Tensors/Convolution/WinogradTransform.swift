/// The transforms of a Winograd algorithm F(m, 3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016)
/// in one dimension; two dimensions apply them to columns and then to rows.
///
/// With interpolation points p_i, of which the last is ∞, and M(x) = Π (x − p_i) over the finite ones:
///
///     output y_k = Σ_i p_i^k m_i                        (and the last one also takes m_∞)
///     weight u_i = (g_0 + p_i g_1 + p_i² g_2) / N_i,    N_i = Π_{j≠i} (p_i − p_j)
///     input  v_i = coefficients of M(x) / (x − p_i), applied to d_0, d_1, …
///
/// Each function reads its operands by `read` and writes its results by `write`, each once.
protocol WinogradTransform {
    /// Outputs m of a row of a tile.
    static var outputs: Int { get }
    /// m + 2 input values to as many frequencies.
    static func input<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void)
    /// m + 2 frequencies to m output values.
    static func output<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void)
    /// The adjoint of ``output(_:_:)``: m gradients to m + 2 frequencies.
    static func outputAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void)
    /// Three weights to m + 2 frequencies.
    static func weight<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void)
    /// The adjoint of ``weight(_:_:)``: m + 2 frequencies to three weights' gradients.
    static func weightAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void)
}

extension WinogradTransform {
    /// Input values, or frequencies, of a row of a tile.
    @inline(__always)
    static var size: Int { outputs &+ 2 }
    /// Frequencies of a tile.
    @inline(__always)
    static var frequencies: Int { size &* size }
}

/// F(4, 3). Its points are 0, ±1/√2, ±√2 and ∞: coefficients stay within [¼, 2½], which loses about half a digit less in
/// float32 than the usual 0, ±1, ±2.
enum FourOutputs: WinogradTransform {
    static let outputs = 4
    /// 1/√2, the inner pair of points.
    private static let inner: Float = 0.707_106_781
    /// √2, the outer pair of points.
    private static let outer: Float = 1.414_213_562

    @inline(__always)
    static func input<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let d = (read(0), read(1), read(2), read(3), read(4), read(5))
        let minusFiveHalves = V(repeating: -2.5)
        let evenInner = d.4.adding(d.2, times: V(repeating: -2))
        let oddInner = d.3.adding(d.1, times: V(repeating: -2)) * V(repeating: inner)
        let evenOuter = d.4.adding(d.2, times: V(repeating: -0.5))
        let oddOuter = d.3.adding(d.1, times: V(repeating: -0.5)) * V(repeating: outer)
        write(0, (d.0 + d.4).adding(d.2, times: minusFiveHalves))
        write(1, evenInner + oddInner)
        write(2, evenInner - oddInner)
        write(3, evenOuter + oddOuter)
        write(4, evenOuter - oddOuter)
        write(5, (d.1 + d.5).adding(d.3, times: minusFiveHalves))
    }

    @inline(__always)
    static func output<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let m = (read(0), read(1), read(2), read(3), read(4), read(5))
        let evenInner = m.1 + m.2
        let oddInner = m.1 - m.2
        let evenOuter = m.3 + m.4
        let oddOuter = m.3 - m.4
        write(0, m.0 + evenInner + evenOuter)
        write(1, (oddInner * V(repeating: inner)).adding(oddOuter, times: V(repeating: outer)))
        write(2, (evenInner * V(repeating: 0.5)).adding(evenOuter, times: V(repeating: 2)))
        write(
            3, m.5.adding(oddInner, times: V(repeating: 0.5 * inner)).adding(oddOuter, times: V(repeating: 2 * outer)))
    }

    @inline(__always)
    static func outputAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let y = (read(0), read(1), read(2), read(3))
        let evenInner = y.0.adding(y.2, times: V(repeating: 0.5))
        let oddInner = y.1.adding(y.3, times: V(repeating: 0.5)) * V(repeating: inner)
        let evenOuter = y.0.adding(y.2, times: V(repeating: 2))
        let oddOuter = y.1.adding(y.3, times: V(repeating: 2)) * V(repeating: outer)
        write(0, y.0)
        write(1, evenInner + oddInner)
        write(2, evenInner - oddInner)
        write(3, evenOuter + oddOuter)
        write(4, evenOuter - oddOuter)
        write(5, y.3)
    }

    @inline(__always)
    static func weight<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let g = (read(0), read(1), read(2))
        let innerScale = V(repeating: -1 / 1.5)
        let outerScale = V(repeating: 1 / 6)
        let evenInner = g.0.adding(g.2, times: V(repeating: 0.5)) * innerScale
        let oddInner = g.1 * (V(repeating: inner) * innerScale)
        let evenOuter = g.0.adding(g.2, times: V(repeating: 2)) * outerScale
        let oddOuter = g.1 * (V(repeating: outer) * outerScale)
        write(0, g.0)
        write(1, evenInner + oddInner)
        write(2, evenInner - oddInner)
        write(3, evenOuter + oddOuter)
        write(4, evenOuter - oddOuter)
        write(5, g.2)
    }

    @inline(__always)
    static func weightAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let u = (read(0), read(1), read(2), read(3), read(4), read(5))
        let evenInner = (u.1 + u.2) * V(repeating: -1 / 1.5)
        let oddInner = (u.1 - u.2) * V(repeating: -1 / 1.5)
        let evenOuter = (u.3 + u.4) * V(repeating: 1 / 6)
        let oddOuter = (u.3 - u.4) * V(repeating: 1 / 6)
        write(0, u.0 + evenInner + evenOuter)
        write(1, (oddInner * V(repeating: inner)).adding(oddOuter, times: V(repeating: outer)))
        write(2, u.5.adding(evenInner, times: V(repeating: 0.5)).adding(evenOuter, times: V(repeating: 2)))
    }
}

/// F(6, 3), with points 0, ±½, ±1, ±2 and ∞: 1.8 products an output in two dimensions instead of 2.25, at rounding errors four
/// times as large.
enum SixOutputs: WinogradTransform {
    static let outputs = 6

    @inline(__always)
    static func input<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let (d1, d2, d3, d4, d5, d6) = (read(1), read(2), read(3), read(4), read(5), read(6))
        let outer = V(repeating: 5.25)
        write(0, (read(0) - d6).adding(d4 - d2, times: outer))
        write(7, (read(7) - d1).adding(d3 - d5, times: outer))
        let evenHalf = d6.adding(d4, times: V(repeating: -5)).adding(d2, times: V(repeating: 4))
        let oddHalf =
            d5.adding(d3, times: V(repeating: -5)).adding(d1, times: V(repeating: 4)) * V(repeating: 0.5)
        write(1, evenHalf + oddHalf)
        write(2, evenHalf - oddHalf)
        let evenOne = (d6 + d2).adding(d4, times: V(repeating: -4.25))
        let oddOne = (d5 + d1).adding(d3, times: V(repeating: -4.25))
        write(3, evenOne + oddOne)
        write(4, evenOne - oddOne)
        let evenTwo = d6.adding(d4, times: V(repeating: -1.25)).adding(d2, times: V(repeating: 0.25))
        let oddTwo =
            d5.adding(d3, times: V(repeating: -1.25)).adding(d1, times: V(repeating: 0.25)) * V(repeating: 2)
        write(5, evenTwo + oddTwo)
        write(6, evenTwo - oddTwo)
    }

    @inline(__always)
    static func output<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let m = (read(1), read(2), read(3), read(4), read(5), read(6))
        let (evenHalf, oddHalf) = (m.0 + m.1, m.0 - m.1)
        let (evenOne, oddOne) = (m.2 + m.3, m.2 - m.3)
        let (evenTwo, oddTwo) = (m.4 + m.5, m.4 - m.5)
        write(0, (read(0) + evenHalf) + (evenOne + evenTwo))
        write(1, oddOne.adding(oddHalf, times: V(repeating: 0.5)).adding(oddTwo, times: V(repeating: 2)))
        write(2, evenOne.adding(evenHalf, times: V(repeating: 0.25)).adding(evenTwo, times: V(repeating: 4)))
        write(3, oddOne.adding(oddHalf, times: V(repeating: 0.125)).adding(oddTwo, times: V(repeating: 8)))
        write(4, evenOne.adding(evenHalf, times: V(repeating: 1 / 16)).adding(evenTwo, times: V(repeating: 16)))
        write(
            5, (read(7) + oddOne).adding(oddHalf, times: V(repeating: 1 / 32)).adding(oddTwo, times: V(repeating: 32)))
    }

    @inline(__always)
    static func outputAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let y = (read(0), read(1), read(2), read(3), read(4), read(5))
        write(0, y.0)
        let evenHalf = y.0.adding(y.2, times: V(repeating: 0.25)).adding(y.4, times: V(repeating: 1 / 16))
        let oddHalf =
            y.1.adding(y.3, times: V(repeating: 0.25)).adding(y.5, times: V(repeating: 1 / 16)) * V(repeating: 0.5)
        write(1, evenHalf + oddHalf)
        write(2, evenHalf - oddHalf)
        let (evenOne, oddOne) = (y.0 + y.2 + y.4, y.1 + y.3 + y.5)
        write(3, evenOne + oddOne)
        write(4, evenOne - oddOne)
        let evenTwo = y.0.adding(y.2, times: V(repeating: 4)).adding(y.4, times: V(repeating: 16))
        let oddTwo =
            y.1.adding(y.3, times: V(repeating: 4)).adding(y.5, times: V(repeating: 16)) * V(repeating: 2)
        write(5, evenTwo + oddTwo)
        write(6, evenTwo - oddTwo)
        write(7, y.5)
    }

    /// 1/N of the points ±½, ±1 and ±2.
    private static let scales: (half: Float, one: Float, two: Float) = (32 / 45, -1 / 4.5, 1 / 90)

    @inline(__always)
    static func weight<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let g = (read(0), read(1), read(2))
        write(0, g.0)
        let evenHalf = g.0.adding(g.2, times: V(repeating: 0.25)) * V(repeating: scales.half)
        let oddHalf = g.1 * V(repeating: 0.5 * scales.half)
        write(1, evenHalf + oddHalf)
        write(2, evenHalf - oddHalf)
        let (evenOne, oddOne) = ((g.0 + g.2) * V(repeating: scales.one), g.1 * V(repeating: scales.one))
        write(3, evenOne + oddOne)
        write(4, evenOne - oddOne)
        let evenTwo = g.0.adding(g.2, times: V(repeating: 4)) * V(repeating: scales.two)
        let oddTwo = g.1 * V(repeating: 2 * scales.two)
        write(5, evenTwo + oddTwo)
        write(6, evenTwo - oddTwo)
        write(7, g.2)
    }

    @inline(__always)
    static func weightAdjoint<V: Lanes>(_ read: (Int) -> V, _ write: (Int, V) -> Void) {
        let u = (read(1), read(2), read(3), read(4), read(5), read(6))
        let (half, one, two) = (V(repeating: scales.half), V(repeating: scales.one), V(repeating: scales.two))
        let (evenHalf, oddHalf) = ((u.0 + u.1) * half, (u.0 - u.1) * half)
        let (evenOne, oddOne) = ((u.2 + u.3) * one, (u.2 - u.3) * one)
        let (evenTwo, oddTwo) = ((u.4 + u.5) * two, (u.4 - u.5) * two)
        write(0, (read(0) + evenHalf) + (evenOne + evenTwo))
        write(1, oddOne.adding(oddHalf, times: V(repeating: 0.5)).adding(oddTwo, times: V(repeating: 2)))
        write(
            2, (read(7) + evenOne).adding(evenHalf, times: V(repeating: 0.25)).adding(evenTwo, times: V(repeating: 4)))
    }
}
