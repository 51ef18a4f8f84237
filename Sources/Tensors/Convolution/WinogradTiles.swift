internal import CLinux

// What happens to one tile, for one vector of channels at a time: a pass over its columns, one over its rows.
// What is between the passes goes to `scratch`, room for a vector of each frequency: Swift's temporary allocations of so aligned values
// are on the heap.

/// A place in a slice of a feature map.
struct Tile {
    let plane: Plane
    /// Row and column of the tile's first value; may be outside.
    let top: Int
    let left: Int

    /// Calls `body` with a function that reads the values of a column by their row in the tile, 0 outside the slice. The first
    /// row alone may be above it. The same place of the next tile in the row is brought to the cache: its values are so far
    /// apart that the processor does not foresee it.
    /// - Parameters:
    ///   - startsOdd: whether the first row is an odd one, which is known where the code is compiled.
    ///   - next: columns from a tile to the next, an even number.
    @inline(__always)
    func withColumn<Reader: LanesReader>(
        _ column: Int, _ channel: Int, startsOdd: Bool, next: Int, _ reader: Reader,
        _ body: ((Int) -> Reader.Vector) -> Void
    ) {
        let x = left &+ column
        guard x >= 0, x < plane.width else { return body { _ in .zero } }
        let (odd, strides) = (startsOdd ? 1 : 0, plane.strides)
        let p = UnsafePointer(plane.base + (strides.row(top &- odd) &+ strides.column(x) &+ channel))
        let rows = plane.height &- top
        let hasFirst = top >= 0 && rows > 0
        let ahead = p + next / 2 &* strides.twoColumns
        body { row in
            CLinux_prefetchToRead(ahead + strides.row(row &+ odd))
            return (row == 0 ? hasFirst : rows > row) ? reader.read(p + strides.row(row &+ odd)) : .zero
        }
    }
}

/// Where the frequencies of a tile are: in the same place of as many matrices that follow each other.
struct TileFrequencies {
    /// The first matrix.
    let base: UnsafeMutablePointer<Float>
    /// The layout of each.
    let panels: Panels
    /// The tile's row.
    let row: Int

    @inline(__always)
    func pointer(_ channel: Int) -> UnsafeMutablePointer<Float> { base + panels.offset(column: channel, row: row) }
}

/// Reads the inputs of a tile, zero outside the slice, and writes its frequencies.
struct InputTile<Transform: WinogradTransform>: ReadingKernel {
    /// Begins one row and one column before the first output.
    let tile: Tile
    let normalization: ReadNormalization?
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<Reader: LanesReader>(_ channel: Int, _ reader: Reader) {
        let size = Transform.size
        let rows = scratch.assumingMemoryBound(to: Reader.Vector.self)
        for column in 0..<size {
            tile.withColumn(column, channel, startsOdd: true, next: Transform.outputs, reader) { read in
                Transform.input(read) { rows[$0 &* size &+ column] = $1 }
            }
        }
        let start = frequencies.pointer(channel)
        let stride = frequencies.panels.stride
        for row in 0..<size {
            let (r, target) = (rows + size &* row, start + size &* row &* stride)
            Transform.input({ r[$0] }, { $1.store(target + $0 &* stride) })
        }
    }
}

/// Reads a tile's frequencies and writes its outputs, those inside the slice, with the bias added.
struct OutputTile<Transform: WinogradTransform>: ChannelKernel {
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer
    let bias: UnsafePointer<Float>?

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (size, outputs) = (Transform.size, Transform.outputs)
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(channel)
        let stride = frequencies.panels.stride
        for column in 0..<size {
            let p = start + column &* stride
            Transform.output({ V(p + $0 &* size &* stride) }, { rows[$0 &* size &+ column] = $1 })
        }
        let offset = bias.map { V($0 + channel) } ?? .zero
        let (plane, strides) = (tile.plane, tile.plane.strides)
        let columns = min(outputs, plane.width &- tile.left)
        for row in 0..<max(0, min(outputs, plane.height &- tile.top)) {
            let r = rows + size &* row
            let target = plane.base + (strides.row(tile.top &+ row) &+ strides.column(tile.left) &+ channel)
            let next = target + outputs / 2 &* strides.twoColumns
            for column in 0..<columns { CLinux_prefetchToWrite(next + strides.column(column)) }
            Transform.output({ r[$0] }, { if $0 < columns { ($1 + offset).store(target + strides.column($0)) } })
        }
    }
}

/// Reads the output gradients of a tile, zero outside the slice, and writes the frequencies' gradients.
struct GradientTile<Transform: WinogradTransform>: ChannelKernel {
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (size, outputs) = (Transform.size, Transform.outputs)
        let rows = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<outputs {
            tile.withColumn(column, channel, startsOdd: false, next: outputs, PlainReader<V>()) { read in
                Transform.outputAdjoint(read) { rows[$0 &* outputs &+ column] = $1 }
            }
        }
        let start = frequencies.pointer(channel)
        let stride = frequencies.panels.stride
        for row in 0..<size {
            let (r, target) = (rows + outputs &* row, start + size &* row &* stride)
            Transform.outputAdjoint({ r[$0] }, { $1.store(target + $0 &* stride) })
        }
    }
}

/// Transforms the nine weights of one depth tap and input channel to frequencies, for a vector of output channels.
struct WeightTile<Transform: WinogradTransform>: ChannelKernel {
    /// Weight (0, 0) of the tap and input channel; the next taps are `stride` floats apart.
    let weights: UnsafePointer<Float>
    let stride: Int
    /// Floats to the weights of an input channel that is transformed soon, which are brought to the cache.
    let ahead: Int
    /// The rows of frequencies that are written.
    let rows: Range<Int>
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let size = Transform.size
        let columns = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<3 {
            let p = weights + (column &* stride &+ channel)
            for row in 0..<3 { CLinux_prefetchToRead(p + (3 &* row &* stride &+ ahead)) }
            Transform.weight({ V(p + 3 &* $0 &* stride) }, { columns[3 &* $0 &+ column] = $1 })
        }
        let start = frequencies.pointer(channel)
        let distance = frequencies.panels.stride
        for row in rows {
            let (r, target) = (columns + 3 &* row, start + size &* row &* distance)
            Transform.weight({ r[$0] }, { $1.store(target + $0 &* distance) })
        }
    }
}

/// The adjoint of ``WeightTile``: frequencies' gradients to nine weights' gradients.
struct WeightGradientTile<Transform: WinogradTransform>: ChannelKernel {
    let weights: UnsafeMutablePointer<Float>
    let stride: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let size = Transform.size
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(channel)
        let distance = frequencies.panels.stride
        for column in 0..<size {
            let p = start + column &* distance
            Transform.weightAdjoint({ V(p + $0 &* size &* distance) }, { rows[$0 &* size &+ column] = $1 })
        }
        for row in 0..<3 {
            let r = rows + size &* row
            let target = weights + (3 &* row &* stride &+ channel)
            Transform.weightAdjoint({ r[$0] }, { $1.store(target + $0 &* stride) })
        }
    }
}
