// What happens to one 6 × 6 or 4 × 4 tile, for one vector of channels at a time: a pass over its columns, one over its rows.
// What is between the passes goes to `scratch`, room for 36 vectors: Swift's temporary allocations of so aligned values
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

    /// The first six values of a column, 0 outside the slice. Rows from the second on are not above it.
    @inline(__always)
    func column<V: Lanes>(_ lanes: V.Type, _ column: Int, _ channel: Int) -> (V, V, V, V, V, V) {
        let x = left &+ column
        guard x >= 0, x < shape.width else { return (.zero, .zero, .zero, .zero, .zero, .zero) }
        let p = pointer(0, column, channel)
        let down = shape.width &* shape.channels
        let rows = shape.height &- top
        return (
            top >= 0 ? V(p) : .zero, rows > 1 ? V(p + down) : .zero, rows > 2 ? V(p + 2 &* down) : .zero,
            rows > 3 ? V(p + 3 &* down) : .zero, rows > 4 ? V(p + 4 &* down) : .zero,
            rows > 5 ? V(p + 5 &* down) : .zero
        )
    }
}

/// Where the 36 frequencies of a tile are: in the same place of 36 matrices that follow each other.
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

    /// The six frequencies of a column, `start` being ``pointer(_:_:)``.
    @inline(__always)
    func column<V: Lanes>(
        _ lanes: V.Type, _ index: Int, from start: UnsafeMutablePointer<Float>
    ) -> (V, V, V, V, V, V) {
        let p = start + index &* panels.stride
        let down = 6 &* panels.stride
        return (V(p), V(p + down), V(p + 2 &* down), V(p + 3 &* down), V(p + 4 &* down), V(p + 5 &* down))
    }

    /// Writes the six frequencies of a row.
    @inline(__always)
    func store<V: Lanes>(_ values: (V, V, V, V, V, V), row: Int, to start: UnsafeMutablePointer<Float>) {
        let stride = panels.stride
        let target = start + 6 &* row &* stride
        values.0.store(target)
        values.1.store(target + stride)
        values.2.store(target + 2 &* stride)
        values.3.store(target + 3 &* stride)
        values.4.store(target + 4 &* stride)
        values.5.store(target + 5 &* stride)
    }
}

/// Six vectors as a column of a matrix of `width` columns.
@inline(__always)
private func store<V>(_ t: (V, V, V, V, V, V), column: UnsafeMutablePointer<V>, width: Int) {
    column[0] = t.0
    column[width] = t.1
    column[2 &* width] = t.2
    column[3 &* width] = t.3
    column[4 &* width] = t.4
    column[5 &* width] = t.5
}

/// Reads the 6 × 6 inputs of a tile, zero outside the slice, and writes its 36 frequencies.
struct InputTile: ChannelKernel {
    /// Begins one row and one column before the first output.
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<6 {
            store(
                WinogradTransform.input(tile.column(lanes, column, channel)), column: rows + column, width: 6)
        }
        let start = frequencies.pointer(lanes, channel)
        for row in 0..<6 {
            let r = rows + 6 &* row
            frequencies.store(WinogradTransform.input((r[0], r[1], r[2], r[3], r[4], r[5])), row: row, to: start)
        }
    }
}

/// Reads a tile's 36 frequencies and writes its 4 × 4 outputs, those inside the slice, with the bias added.
struct OutputTile: ChannelKernel {
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer
    let bias: UnsafePointer<Float>?

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        for column in 0..<6 {
            let y = WinogradTransform.output(frequencies.column(lanes, column, from: start))
            rows[column] = y.0
            rows[6 &+ column] = y.1
            rows[12 &+ column] = y.2
            rows[18 &+ column] = y.3
        }
        let offset = bias.map { V($0 + channel) } ?? .zero
        let columns = min(4, tile.shape.width &- tile.left)
        for row in 0..<min(4, tile.shape.height &- tile.top) {
            let r = rows + 6 &* row
            let y = WinogradTransform.output((r[0], r[1], r[2], r[3], r[4], r[5]))
            let target = tile.pointer(row, 0, channel)
            let right = tile.shape.channels
            (y.0 + offset).store(target)
            if columns > 1 { (y.1 + offset).store(target + right) }
            if columns > 2 { (y.2 + offset).store(target + 2 &* right) }
            if columns > 3 { (y.3 + offset).store(target + 3 &* right) }
        }
    }
}

/// Reads the 4 × 4 output gradients of a tile, zero outside the slice, and writes the 36 frequencies' gradients.
struct GradientTile: ChannelKernel {
    let tile: Tile
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<4 {
            let values = tile.column(lanes, column, channel)
            store(
                WinogradTransform.outputAdjoint((values.0, values.1, values.2, values.3)), column: rows + column,
                width: 4)
        }
        let start = frequencies.pointer(lanes, channel)
        for row in 0..<6 {
            let r = rows + 4 &* row
            frequencies.store(WinogradTransform.outputAdjoint((r[0], r[1], r[2], r[3])), row: row, to: start)
        }
    }
}

/// Transforms the nine weights of one depth tap and input channel to 36 frequencies, for a vector of output channels.
struct WeightTile: ChannelKernel {
    /// Weight (0, 0) of the tap and input channel; the next taps are `stride` floats apart.
    let weights: UnsafePointer<Float>
    let stride: Int
    /// The rows of six frequencies that are written.
    let rows: Range<Int>
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let columns = scratch.assumingMemoryBound(to: V.self)
        for column in 0..<3 {
            let p = weights + (column &* stride &+ channel)
            let values = (V(p), V(p + 3 &* stride), V(p + 6 &* stride))
            store(WinogradTransform.weight(values), column: columns + column, width: 3)
        }
        let start = frequencies.pointer(lanes, channel)
        for row in rows {
            let r = columns + 3 &* row
            frequencies.store(WinogradTransform.weight((r[0], r[1], r[2])), row: row, to: start)
        }
    }
}

/// The adjoint of ``WeightTile``: 36 frequencies' gradients to nine weights' gradients.
struct WeightGradientTile: ChannelKernel {
    let weights: UnsafeMutablePointer<Float>
    let stride: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        for column in 0..<6 {
            let g = WinogradTransform.weightAdjoint(frequencies.column(lanes, column, from: start))
            rows[column] = g.0
            rows[6 &+ column] = g.1
            rows[12 &+ column] = g.2
        }
        for row in 0..<3 {
            let r = rows + 6 &* row
            let g = WinogradTransform.weightAdjoint((r[0], r[1], r[2], r[3], r[4], r[5]))
            let target = weights + (3 &* row &* stride &+ channel)
            g.0.store(target)
            g.1.store(target + stride)
            g.2.store(target + 2 &* stride)
        }
    }
}
