/// A feature map as layers read and write it, which need not be in memory that way: its channels may be those of several
/// tensors side by side; each may hold values that are normalized when they are read, or squares of 2 × 2 positions
/// together.
///
/// What a normalization, a concatenation or an upsampling gives is so read where it is wanted, and takes no memory and no
/// pass of its own.
package struct FeatureMap: Sendable {
    /// The extent as it is read: depth, height, width and the channels of all parts.
    package let shape: Shape
    let parts: [Part]

    /// Neighbouring channels that one tensor holds.
    struct Part: Sendable {
        let tensor: Tensor
        let channels: Int
        let arrangement: Arrangement
        let normalization: Normalization?
    }

    /// How positions lie in a tensor.
    enum Arrangement: Sendable {
        /// (z, y, x, c), as ``Tensor`` says.
        case rows
        /// (z, y/2, x/2, y mod 2, x mod 2, c): the extent is that of the squares, with four times the channels. Positions
        /// beyond the last square are zero.
        case squares
    }

    /// leaky(scale · x + shift) of every channel, of values that lie in rows.
    struct Normalization: Sendable {
        /// The scales of all channels, then the shifts.
        let coefficients: Tensor
        let slope: Float

        /// The same for kernels. The coefficients must outlive it.
        var reading: ReadNormalization {
            let scale = UnsafePointer(coefficients.base)
            return ReadNormalization(scale: scale, shift: scale + coefficients.count / 2, slope: slope)
        }
    }

    /// The map that is in memory as it is read.
    package init(_ tensor: Tensor) { self.init(tensor, nil) }

    /// The map of a tensor whose values are normalized when they are read.
    init(_ tensor: Tensor, _ normalization: Normalization?) {
        shape = tensor.shape
        parts = [
            Part(
                tensor: tensor, channels: tensor.shape.channels, arrangement: .rows, normalization: normalization)
        ]
    }

    /// The map of squares (D, h, w, 4 · channels), with zeros up to the given extent.
    init(squares tensor: Tensor, extent: Shape) {
        let (low, channels) = (tensor.shape, tensor.shape.channels / 4)
        require(
            low.depth == extent.depth && 2 * low.height <= extent.height && 2 * low.width <= extent.width
                && 4 * channels == low.channels, "squares of \(low) do not fit \(extent)")
        shape = extent.with(channels: channels)
        parts = [Part(tensor: tensor, channels: channels, arrangement: .squares, normalization: nil)]
    }

    private init(_ shape: Shape, _ parts: [Part]) {
        self.shape = shape
        self.parts = parts
    }

    /// This map's channels, then those of another one of the same extent.
    package func beside(_ other: FeatureMap) -> FeatureMap {
        require(other.shape.with(channels: shape.channels) == shape, "\(shape) beside \(other.shape)")
        return FeatureMap(shape.with(channels: shape.channels + other.shape.channels), parts + other.parts)
    }

    /// The tensors that hold the channels, in their order.
    package var tensors: [Tensor] { parts.map(\.tensor) }

    /// Whether the channels of every part are whole vectors.
    var isInVectors: Bool { parts.allSatisfy { $0.channels % 4 == 0 } }

    /// The same map, whose parts' channels are whole vectors. All of them together are.
    var inVectors: FeatureMap { isInVectors ? self : FeatureMap(written()) }

    /// The tensor that holds the map just as it is read, if one does.
    var plain: Tensor? { parts.count == 1 && parts[0].isPlain ? parts[0].tensor : nil }

    /// The map in memory: the tensor that holds it, or a new one.
    package func written() -> Tensor {
        if let plain { return plain }
        let result = Tensor(shape)
        forEachLine { part, first, line in
            let plane = part.plane(line / shape.height)
            let y = line % shape.height
            let target = result.base + (line &* shape.width &* shape.channels &+ first)
            let columns = y < plane.height ? plane.width : 0
            if let normalization = part.reading {
                NormalizedPositions(
                    source: plane.base + plane.strides.row(y), sourceStride: plane.strides.column, target: target,
                    targetStride: shape.channels, positions: columns, normalization: normalization
                ).cover(0..<part.channels)
            } else {
                for x in 0..<columns {
                    (target + x &* shape.channels).update(
                        from: plane.base + (plane.strides.row(y) &+ plane.strides.column(x)), count: part.channels)
                }
            }
            for x in columns..<shape.width {
                (target + x &* shape.channels).update(repeating: 0, count: part.channels)
            }
        }
        return result
    }

    /// Writes the values of a tensor to those that hold the map, of which none is normalized.
    func write(_ tensor: Tensor) {
        require(tensor.shape == shape && parts.allSatisfy { $0.normalization == nil }, "\(tensor.shape) to \(shape)")
        forEachLine { part, first, line in
            let plane = part.plane(line / shape.height)
            let y = line % shape.height
            guard y < plane.height else { return }
            for x in 0..<plane.width {
                (plane.base + (plane.strides.row(y) &+ plane.strides.column(x))).update(
                    from: tensor.base + ((line &* shape.width &+ x) &* shape.channels &+ first), count: part.channels)
            }
        }
    }

    /// Calls `body` for each part, its first channel, and each line of every slice.
    private func forEachLine(_ body: (_ part: Part, _ first: Int, _ line: Int) -> Void) {
        var first = 0
        for part in parts {
            Parallel.shared.loop(shape.depth * shape.height, .elementwise) { body(part, first, $0) }
            first += part.channels
        }
    }
}
