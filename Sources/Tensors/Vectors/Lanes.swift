/// A vector of floats that one channel loop iteration works on: 16, 8 or 4 channels.
///
/// Kernels are written once for any `Lanes` and run as 512-, 256- or 128-bit code. The protocol stands beside `SIMD`
/// rather than on it, so that the operators below are the concrete vector instructions after specialization and not
/// the standard library's loops over elements.
protocol Lanes {
    static var count: Int { get }
    static var zero: Self { get }
    init(repeating value: Float)
    static func + (left: Self, right: Self) -> Self
    static func - (left: Self, right: Self) -> Self
    static func * (left: Self, right: Self) -> Self
    /// `self + left · right`, with one rounding where the processor has fused multiply-add.
    func adding(_ left: Self, times right: Self) -> Self
    /// `self` where positive, `slope · self` elsewhere.
    func leaky(slope: Self) -> Self
    /// The derivative of ``leaky(slope:)`` at `self`, times `gradient`.
    func leakyGradient(_ gradient: Self, slope: Self) -> Self
    func maximum(_ other: Self) -> Self
    func minimum(_ other: Self) -> Self
    /// `self` where `value` equals `largest` and `open` is not 0, else 0; where it does, `open` becomes 0.
    func taken(where value: Self, equals largest: Self, open: inout Self) -> Self
    /// e^self, see `Lanes+Exponential.swift`.
    func exponential() -> Self
    /// Adds the lanes to as many doubles.
    func accumulate(into sums: UnsafeMutablePointer<Double>)
}

extension Lanes {
    @inline(__always)
    init(_ pointer: UnsafePointer<Float>) { self = UnsafeRawPointer(pointer).loadUnaligned(as: Self.self) }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>) { self = UnsafeRawPointer(pointer).loadUnaligned(as: Self.self) }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(pointer).storeBytes(of: self, as: Self.self)
    }
}

/// Work on consecutive channels, written for any vector width.
protocol ChannelKernel {
    /// Handles the channels `channel ..< channel + V.count`.
    func run<V: Lanes>(_ lanes: V.Type, channel: Int)
}

extension ChannelKernel {
    /// Covers channels `range` (its length a multiple of 4) with the widest vectors that fit.
    @inline(__always)
    func cover(_ range: Range<Int>) {
        var channel = range.lowerBound
        while channel &+ 16 <= range.upperBound {
            run(SIMD16<Float>.self, channel: channel)
            channel &+= 16
        }
        if channel &+ 8 <= range.upperBound {
            run(SIMD8<Float>.self, channel: channel)
            channel &+= 8
        }
        if channel &+ 4 <= range.upperBound { run(SIMD4<Float>.self, channel: channel) }
    }
}

extension SIMD where Scalar == Float {
    @inline(__always)
    func fusedOrSeparate(_ left: Self, _ right: Self) -> Self {
        #if SEPARATE_MULTIPLY_ADD
            return self + left * right
        #else
            return addingProduct(left, right)
        #endif
    }
}

// Comparisons are written out for each width: generic over `SIMD` they compile to loops over elements, which doubles the
// time of a training step.
extension SIMD16<Float>: Lanes {
    static var count: Int { 16 }

    @inline(__always)
    func adding(_ left: Self, times right: Self) -> Self { fusedOrSeparate(left, right) }

    @inline(__always)
    func leaky(slope: Self) -> Self { (self * slope).replacing(with: self, where: self .> 0) }

    @inline(__always)
    func leakyGradient(_ gradient: Self, slope: Self) -> Self {
        (gradient * slope).replacing(with: gradient, where: self .> 0)
    }

    @inline(__always)
    func maximum(_ other: Self) -> Self { replacing(with: other, where: other .> self) }

    @inline(__always)
    func minimum(_ other: Self) -> Self { replacing(with: other, where: other .< self) }

    @inline(__always)
    func taken(where value: Self, equals largest: Self, open: inout Self) -> Self {
        let mask = (value .== largest) .& (open .!= 0)
        open.replace(with: 0, where: mask)
        return Self.zero.replacing(with: self, where: mask)
    }

    @inline(__always)
    func accumulate(into sums: UnsafeMutablePointer<Double>) {
        let raw = UnsafeMutableRawPointer(sums)
        let low = raw.loadUnaligned(as: SIMD8<Double>.self) + SIMD8<Double>(lowHalf)
        let high = raw.loadUnaligned(fromByteOffset: 64, as: SIMD8<Double>.self) + SIMD8<Double>(highHalf)
        raw.storeBytes(of: low, as: SIMD8<Double>.self)
        raw.storeBytes(of: high, toByteOffset: 64, as: SIMD8<Double>.self)
    }
}

extension SIMD8<Float>: Lanes {
    static var count: Int { 8 }

    @inline(__always)
    func adding(_ left: Self, times right: Self) -> Self { fusedOrSeparate(left, right) }

    @inline(__always)
    func leaky(slope: Self) -> Self { (self * slope).replacing(with: self, where: self .> 0) }

    @inline(__always)
    func leakyGradient(_ gradient: Self, slope: Self) -> Self {
        (gradient * slope).replacing(with: gradient, where: self .> 0)
    }

    @inline(__always)
    func maximum(_ other: Self) -> Self { replacing(with: other, where: other .> self) }

    @inline(__always)
    func minimum(_ other: Self) -> Self { replacing(with: other, where: other .< self) }

    @inline(__always)
    func taken(where value: Self, equals largest: Self, open: inout Self) -> Self {
        let mask = (value .== largest) .& (open .!= 0)
        open.replace(with: 0, where: mask)
        return Self.zero.replacing(with: self, where: mask)
    }

    @inline(__always)
    func accumulate(into sums: UnsafeMutablePointer<Double>) {
        let raw = UnsafeMutableRawPointer(sums)
        raw.storeBytes(of: raw.loadUnaligned(as: SIMD8<Double>.self) + SIMD8<Double>(self), as: SIMD8<Double>.self)
    }
}

extension SIMD4<Float>: Lanes {
    static var count: Int { 4 }

    @inline(__always)
    func adding(_ left: Self, times right: Self) -> Self { fusedOrSeparate(left, right) }

    @inline(__always)
    func leaky(slope: Self) -> Self { (self * slope).replacing(with: self, where: self .> 0) }

    @inline(__always)
    func leakyGradient(_ gradient: Self, slope: Self) -> Self {
        (gradient * slope).replacing(with: gradient, where: self .> 0)
    }

    @inline(__always)
    func maximum(_ other: Self) -> Self { replacing(with: other, where: other .> self) }

    @inline(__always)
    func minimum(_ other: Self) -> Self { replacing(with: other, where: other .< self) }

    @inline(__always)
    func taken(where value: Self, equals largest: Self, open: inout Self) -> Self {
        let mask = (value .== largest) .& (open .!= 0)
        open.replace(with: 0, where: mask)
        return Self.zero.replacing(with: self, where: mask)
    }

    @inline(__always)
    func accumulate(into sums: UnsafeMutablePointer<Double>) {
        let raw = UnsafeMutableRawPointer(sums)
        raw.storeBytes(of: raw.loadUnaligned(as: SIMD4<Double>.self) + SIMD4<Double>(self), as: SIMD4<Double>.self)
    }
}
