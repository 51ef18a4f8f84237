// What happens to one 6 × 6 or 4 × 4 tile, for one vector of channels at a time. What is between the passes over columns
// and rows goes to `scratch`, room for 36 vectors: Swift's temporary allocations of so aligned values are on the heap.

/// Where the 36 frequencies of a tile are: in the same place of 36 matrices that follow each other.
struct TileFrequencies {
    /// The first matrix.
    let base: UnsafeMutablePointer<Float>
    /// The layout of each.
    let panels: Panels
    /// The tile's row.
    let row: Int

    /// Floats from a frequency to the next.
    @inline(__always)
    var plane: Int { panels.stride }

    @inline(__always)
    func pointer<V: Lanes>(_ lanes: V.Type, _ channel: Int) -> UnsafeMutablePointer<Float> {
        base + panels.offset(lanes, column: channel, row: row)
    }
}

/// Reads the 6 × 6 inputs of a tile, zero outside the slice, and writes its 36 frequencies.
struct InputTile: ChannelKernel {
    /// The slice's first value.
    let slice: UnsafePointer<Float>
    let height: Int
    let width: Int
    let channels: Int
    /// Row and column of the first input, one before the first output.
    let top: Int
    let left: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let inside = top >= 0 && left >= 0 && top &+ 6 <= height && left &+ 6 <= width
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        let plane = frequencies.plane
        if inside {
            let corner = slice + ((top &* width &+ left) &* channels &+ channel)
            let down = width &* channels
            for column in 0..<6 {
                let p = corner + column &* channels
                let t = WinogradTransform.input(
                    (
                        V(p), V(p + down), V(p + 2 &* down), V(p + 3 &* down), V(p + 4 &* down), V(p + 5 &* down)
                    ))
                write(t, rows + column, 6)
            }
        } else {
            for column in 0..<6 {
                let x = left &+ column
                let t = WinogradTransform.input(
                    (
                        load(lanes, x, top, channel), load(lanes, x, top &+ 1, channel),
                        load(lanes, x, top &+ 2, channel), load(lanes, x, top &+ 3, channel),
                        load(lanes, x, top &+ 4, channel), load(lanes, x, top &+ 5, channel)
                    ))
                write(t, rows + column, 6)
            }
        }
        for row in 0..<6 {
            let r = rows + 6 &* row
            let v = WinogradTransform.input((r[0], r[1], r[2], r[3], r[4], r[5]))
            let target = start + 6 &* row &* plane
            v.0.store(target)
            v.1.store(target + plane)
            v.2.store(target + 2 &* plane)
            v.3.store(target + 3 &* plane)
            v.4.store(target + 4 &* plane)
            v.5.store(target + 5 &* plane)
        }
    }

    @inline(__always)
    private func load<V: Lanes>(_ lanes: V.Type, _ x: Int, _ y: Int, _ channel: Int) -> V {
        guard x >= 0, y >= 0, x < width, y < height else { return .zero }
        return V(slice + ((y &* width &+ x) &* channels &+ channel))
    }

    @inline(__always)
    private func write<V>(_ t: (V, V, V, V, V, V), _ target: UnsafeMutablePointer<V>, _ stride: Int) {
        target[0] = t.0
        target[stride] = t.1
        target[2 &* stride] = t.2
        target[3 &* stride] = t.3
        target[4 &* stride] = t.4
        target[5 &* stride] = t.5
    }
}

/// Reads a tile's 36 frequencies and writes its 4 × 4 outputs, those inside the slice, with the bias added.
struct OutputTile: ChannelKernel {
    let slice: UnsafeMutablePointer<Float>
    let height: Int
    let width: Int
    let channels: Int
    /// Row and column of the first output.
    let top: Int
    let left: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer
    let bias: UnsafePointer<Float>?

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        let plane = frequencies.plane
        for column in 0..<6 {
            let p = start + column &* plane
            let down = 6 &* plane
            let y = WinogradTransform.output(
                (V(p), V(p + down), V(p + 2 &* down), V(p + 3 &* down), V(p + 4 &* down), V(p + 5 &* down)))
            rows[column] = y.0
            rows[6 &+ column] = y.1
            rows[12 &+ column] = y.2
            rows[18 &+ column] = y.3
        }
        let offset = bias.map { V($0 + channel) } ?? .zero
        let rowCount = min(4, height &- top)
        let columnCount = min(4, width &- left)
        for row in 0..<rowCount {
            let r = rows + 6 &* row
            let y = WinogradTransform.output((r[0], r[1], r[2], r[3], r[4], r[5]))
            let target = slice + (((top &+ row) &* width &+ left) &* channels &+ channel)
            (y.0 + offset).store(target)
            if columnCount > 1 { (y.1 + offset).store(target + channels) }
            if columnCount > 2 { (y.2 + offset).store(target + 2 &* channels) }
            if columnCount > 3 { (y.3 + offset).store(target + 3 &* channels) }
        }
    }
}

/// Reads the 4 × 4 output gradients of a tile, zero outside the slice, and writes the 36 frequencies' gradients.
struct GradientTile: ChannelKernel {
    let slice: UnsafePointer<Float>
    let height: Int
    let width: Int
    let channels: Int
    let top: Int
    let left: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        let plane = frequencies.plane
        for column in 0..<4 {
            let x = left &+ column
            let m = WinogradTransform.outputAdjoint(
                (
                    load(lanes, x, top, channel), load(lanes, x, top &+ 1, channel),
                    load(lanes, x, top &+ 2, channel), load(lanes, x, top &+ 3, channel)
                ))
            rows[column] = m.0
            rows[4 &+ column] = m.1
            rows[8 &+ column] = m.2
            rows[12 &+ column] = m.3
            rows[16 &+ column] = m.4
            rows[20 &+ column] = m.5
        }
        for row in 0..<6 {
            let r = rows + 4 &* row
            let m = WinogradTransform.outputAdjoint((r[0], r[1], r[2], r[3]))
            let target = start + 6 &* row &* plane
            m.0.store(target)
            m.1.store(target + plane)
            m.2.store(target + 2 &* plane)
            m.3.store(target + 3 &* plane)
            m.4.store(target + 4 &* plane)
            m.5.store(target + 5 &* plane)
        }
    }

    @inline(__always)
    private func load<V: Lanes>(_ lanes: V.Type, _ x: Int, _ y: Int, _ channel: Int) -> V {
        guard x < width, y < height else { return .zero }
        return V(slice + ((y &* width &+ x) &* channels &+ channel))
    }
}

/// Transforms the nine weights of one depth tap and input channel to 36 frequencies, for a vector of output channels.
struct WeightTile: ChannelKernel {
    /// Weight (0, 0) of the tap and input channel; the next taps are `stride` floats apart.
    let weights: UnsafePointer<Float>
    let stride: Int
    let frequencies: TileFrequencies
    let scratch: UnsafeMutableRawPointer

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let rows = scratch.assumingMemoryBound(to: V.self)
        let start = frequencies.pointer(lanes, channel)
        let plane = frequencies.plane
        for column in 0..<3 {
            let u = WinogradTransform.weight(
                (
                    load(lanes, 0, column, channel), load(lanes, 1, column, channel),
                    load(lanes, 2, column, channel)
                ))
            rows[column] = u.0
            rows[3 &+ column] = u.1
            rows[6 &+ column] = u.2
            rows[9 &+ column] = u.3
            rows[12 &+ column] = u.4
            rows[15 &+ column] = u.5
        }
        for row in 0..<6 {
            let r = rows + 3 &* row
            let u = WinogradTransform.weight((r[0], r[1], r[2]))
            let target = start + 6 &* row &* plane
            u.0.store(target)
            u.1.store(target + plane)
            u.2.store(target + 2 &* plane)
            u.3.store(target + 3 &* plane)
            u.4.store(target + 4 &* plane)
            u.5.store(target + 5 &* plane)
        }
    }

    @inline(__always)
    private func load<V: Lanes>(_ lanes: V.Type, _ row: Int, _ column: Int, _ channel: Int) -> V {
        V(weights + ((row &* 3 &+ column) &* stride &+ channel))
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
        let plane = frequencies.plane
        for column in 0..<6 {
            let p = start + column &* plane
            let down = 6 &* plane
            let g = WinogradTransform.weightAdjoint(
                (V(p), V(p + down), V(p + 2 &* down), V(p + 3 &* down), V(p + 4 &* down), V(p + 5 &* down)))
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
