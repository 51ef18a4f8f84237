// What happens to one tile, for one vector of channels at a time: a pass over its columns, one over its rows.
// What is between the passes goes to `scratch`, room for a vector of each frequency: Swift's temporary allocations of so aligned values
// are on the heap.

/// A place in a slice of a feature map.
struct Tile {
    /// The slice's first value of the first channel that takes part.
    let slice: UnsafeMutablePointer<Float>
    let shape: Shape
    /// Row and column of the tile's first value; may be outside.
    let top: Int
    let left: Int

    @inline(__always)
    func pointer(_ row: Int, _ column: Int, _ channel: Int) -> UnsafeMutablePointer<Float> {
        slice + (((top &+ row) &* shape.width &+ left &+ column) &* shape.channels &+ channel)
    }

    /// Calls `body` with a function that reads the values of a column by their row in the tile, 0 outside the slice. The first
    /// row alone may be above it.
    @inline(__always)
    func withColumn<V: Lanes>(_ lanes: V.Type, _ column: Int, _ channel: Int, _ body: ((Int) -> V) -> Void) {
        let x = left &+ column
        guard x >= 0, x < shape.width else { return body { _ in .zero } }
        let p = pointer(0, column, channel)
        let down = shape.width &* shape.channels
        let rows = shape.height &- top
        body { row in row == 0 ? (top >= 0 ? V(p) : .zero) : rows > row ? V(p + row &* down) : .zero }
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
    func pointer<V: Lanes>(_ lanes: V.Type, _ channel: Int) -> UnsafeMutablePointer<Float> {
        base + panels.offset(lanes, column: channel, row: row)
    }
}

/// Reads the inputs of a tile, zero outside the slice, and writes its frequencies.
struct InputTile<Transform: WinogradTransform>: ChannelKernel {
    /// Begins one row and one column before the first output.
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let size = Transform.size
        let rows = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<size {
            tile.withColumn(lanes, column, channel) { read in
                Transform.input(read) { rows[$0 &* size &+ column] = $1 }
            }
        }
        let start = frequencies.pointer(lanes, channel)
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
        let start = frequencies.pointer(lanes, channel)
        let stride = frequencies.panels.stride
        for column in 0..<size {
            let p = start + column &* stride
            Transform.output({ V(p + $0 &* size &* stride) }, { rows[$0 &* size &+ column] = $1 })
        }
        let offset = bias.map { V($0 + channel) } ?? .zero
        let columns = min(outputs, tile.shape.width &- tile.left)
        for row in 0..<min(outputs, tile.shape.height &- tile.top) {
            let r = rows + size &* row
            let target = tile.pointer(row, 0, channel)
            let right = tile.shape.channels
            Transform.output({ r[$0] }, { if $0 < columns { ($1 + offset).store(target + $0 &* right) } })
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
            tile.withColumn(lanes, column, channel) { read in
                Transform.outputAdjoint(read) { rows[$0 &* outputs &+ column] = $1 }
            }
        }
        let start = frequencies.pointer(lanes, channel)
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
            Transform.weight({ V(p + 3 &* $0 &* stride) }, { columns[3 &* $0 &+ column] = $1 })
        }
        let start = frequencies.pointer(lanes, channel)
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
        let start = frequencies.pointer(lanes, channel)
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
