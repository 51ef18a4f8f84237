/// A kernel that adds two sums per channel over a block of positions.
protocol PairSum: ChannelKernel {
    /// Chooses the block of positions and where its sums go; the second sums are `second` doubles after the first.
    mutating func select(first: Int, count: Int, sums: UnsafeMutablePointer<Double>, second: Int)
}

/// Positions that are added up in float32 before the sum goes into a double: few enough that rounding stays small.
private let runLength = 32

/// Σ (x − o) and Σ (x − o)², where o is the channel's first value: with a mean far from zero, squares of x itself would
/// leave no digits for the variance.
struct Moments: PairSum {
    var values: UnsafePointer<Float>
    let origin: UnsafePointer<Float>
    let stride: Int
    private var positions = 0
    private var sums: UnsafeMutablePointer<Double>?
    private var second = 0

    init(values: UnsafeMutablePointer<Float>, stride: Int) {
        self.values = UnsafePointer(values)
        origin = UnsafePointer(values)
        self.stride = stride
    }

    mutating func select(first: Int, count: Int, sums: UnsafeMutablePointer<Double>, second: Int) {
        values += first * stride
        positions = count
        self.sums = sums
        self.second = second
    }

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        guard let sums else { return }
        let origin = V(self.origin + channel)
        var pointer = values + channel
        var left = positions
        while left > 0 {
            var sum = V.zero
            var square = V.zero
            for _ in 0..<min(left, runLength) {
                let x = V(pointer) - origin
                sum = sum + x
                square = square.adding(x, times: x)
                pointer += stride
            }
            sum.accumulate(into: sums + channel)
            square.accumulate(into: sums + second + channel)
            left &-= runLength
        }
    }
}

/// Σ g and Σ g (x − o), where g is the gradient before the rectifier and o the channel's first value.
struct GradientMoments: PairSum {
    var values: UnsafePointer<Float>
    let origin: UnsafePointer<Float>
    var gradients: UnsafePointer<Float>
    let stride: Int
    let scale: UnsafePointer<Float>
    let shift: UnsafePointer<Float>
    let slope: Float
    private var positions = 0
    private var sums: UnsafeMutablePointer<Double>?
    private var second = 0

    init(
        values: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>, stride: Int,
        scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, slope: Float
    ) {
        self.values = UnsafePointer(values)
        origin = UnsafePointer(values)
        self.gradients = UnsafePointer(gradients)
        self.stride = stride
        self.scale = scale
        self.shift = shift
        self.slope = slope
    }

    mutating func select(first: Int, count: Int, sums: UnsafeMutablePointer<Double>, second: Int) {
        values += first * stride
        gradients += first * stride
        positions = count
        self.sums = sums
        self.second = second
    }

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        guard let sums else { return }
        let scale = V(self.scale + channel)
        let shift = V(self.shift + channel)
        let slope = V(repeating: self.slope)
        let origin = V(self.origin + channel)
        var offset = channel
        var left = positions
        while left > 0 {
            var sum = V.zero
            var product = V.zero
            for _ in 0..<min(left, runLength) {
                let x = V(values + offset)
                let g = shift.adding(x, times: scale).leakyGradient(V(gradients + offset), slope: slope)
                sum = sum + g
                product = product.adding(g, times: x - origin)
                offset &+= stride
            }
            sum.accumulate(into: sums + channel)
            product.accumulate(into: sums + second + channel)
            left &-= runLength
        }
    }
}

/// Normalizes some positions, into other memory or in place.
struct NormalizedPositions: ChannelKernel {
    let source: UnsafePointer<Float>
    let sourceStride: Int
    let target: UnsafeMutablePointer<Float>
    let targetStride: Int
    let positions: Int
    let normalization: ReadNormalization

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let reader = normalization.reader(lanes, channel: channel)
        var (from, to) = (source + channel, target + channel)
        for _ in 0..<positions {
            reader.read(from).store(to)
            from += sourceStride
            to += targetStride
        }
    }
}

/// gradient = scale · g + a · x + b, where g is the gradient before the rectifier.
struct ScaleAndOffsetGradient: ChannelKernel {
    let values: UnsafePointer<Float>
    let gradients: UnsafeMutablePointer<Float>
    let positions: Int
    let stride: Int
    let scale: UnsafePointer<Float>
    let shift: UnsafePointer<Float>
    let a: UnsafePointer<Float>
    let b: UnsafePointer<Float>
    let slope: Float

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let scale = V(self.scale + channel)
        let shift = V(self.shift + channel)
        let a = V(self.a + channel)
        let b = V(self.b + channel)
        let slope = V(repeating: self.slope)
        var offset = channel
        for _ in 0..<positions {
            let x = V(values + offset)
            let g = shift.adding(x, times: scale).leakyGradient(V(gradients + offset), slope: slope)
            b.adding(a, times: x).adding(g, times: scale).store(gradients + offset)
            offset &+= stride
        }
    }
}
