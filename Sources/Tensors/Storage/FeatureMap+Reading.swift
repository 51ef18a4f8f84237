// What kernels see of a feature map.

extension FeatureMap.Part {
    var isPlain: Bool {
        if case .rows = arrangement { normalization == nil } else { false }
    }

    /// A slice's positions.
    @inline(__always)
    func plane(_ slice: Int) -> Plane {
        let (low, stored) = (tensor.shape, tensor.shape.channels)
        let base = tensor.slice(slice)
        switch arrangement {
        case .rows:
            let row = low.width &* stored
            return Plane(
                base: base, height: low.height, width: low.width,
                strides: PlaneStrides(twoRows: 2 &* row, row: row, twoColumns: 2 &* stored, column: stored))
        case .squares:
            return Plane(
                base: base, height: 2 &* low.height, width: 2 &* low.width,
                strides: PlaneStrides(
                    twoRows: low.width &* stored, row: 2 &* channels, twoColumns: stored, column: channels))
        }
    }

    /// How its values are normalized. The tensors must outlive it.
    var reading: ReadNormalization? { normalization?.reading }
}

/// A slice of a tensor that holds some channels of a feature map.
struct Plane {
    /// The first channel of the first position.
    let base: UnsafeMutablePointer<Float>
    /// Rows that exist; what is beyond is zero.
    let height: Int
    /// Columns that exist.
    let width: Int
    let strides: PlaneStrides

    /// The same, where `channel` is the first one.
    @inline(__always)
    func from(channel: Int) -> Plane { Plane(base: base - channel, height: height, width: width, strides: strides) }
}

/// Floats between positions of a slice.
struct PlaneStrides {
    /// From an even row to the next even one.
    let twoRows: Int
    /// From an even row to the next.
    let row: Int
    /// From an even column to the next even one.
    let twoColumns: Int
    /// From an even column to the next.
    let column: Int

    @inline(__always)
    func row(_ y: Int) -> Int { (y >> 1) &* twoRows &+ (y & 1) &* row }

    @inline(__always)
    func column(_ x: Int) -> Int { (x >> 1) &* twoColumns &+ (x & 1) &* column }
}

/// leaky(scale · x + shift), as a kernel applies it to what it reads.
struct ReadNormalization {
    let scale: UnsafePointer<Float>
    let shift: UnsafePointer<Float>
    let slope: Float

    /// The same, where the scales and shifts begin with those of `channel`.
    @inline(__always)
    func from(channel: Int) -> ReadNormalization {
        ReadNormalization(scale: scale - channel, shift: shift - channel, slope: slope)
    }

    /// What reads a vector of channels.
    @inline(__always)
    func reader<V: Lanes>(_ lanes: V.Type, channel: Int) -> NormalizingReader<V> {
        NormalizingReader(scale: V(scale + channel), shift: V(shift + channel), slope: V(repeating: slope))
    }
}

/// A kernel that reads values which may be normalized in the reading.
protocol ReadingKernel: ChannelKernel {
    var normalization: ReadNormalization? { get }
    /// Handles a vector of channels from `channel` on, whose values are read so.
    func run<Reader: LanesReader>(_ channel: Int, _ reader: Reader)
}

extension ReadingKernel {
    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        if let normalization {
            run(channel, normalization.reader(lanes, channel: channel))
        } else {
            run(channel, PlainReader<V>())
        }
    }
}

/// Reads vectors of the same channels.
protocol LanesReader<Vector> {
    associatedtype Vector: Lanes
    func read(_ pointer: UnsafePointer<Float>) -> Vector
}

/// Reads values as they are.
struct PlainReader<Vector: Lanes>: LanesReader {
    @inline(__always)
    func read(_ pointer: UnsafePointer<Float>) -> Vector { Vector(pointer) }
}

/// Reads values normalized: leaky(scale · x + shift).
struct NormalizingReader<Vector: Lanes>: LanesReader {
    let scale: Vector
    let shift: Vector
    let slope: Vector

    @inline(__always)
    func read(_ pointer: UnsafePointer<Float>) -> Vector {
        shift.adding(Vector(pointer), times: scale).leaky(slope: slope)
    }
}
