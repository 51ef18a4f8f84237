/// Convolutions whose weights are many and whose tiles are few, as at a bottleneck. Their transformed weights are four
/// to fourteen times as many as the weights and would pass through memory several times; here a task transforms a block of them in its
/// core's cache and multiplies it at once.
extension WinogradConvolution {
    /// Panels of input channels in a block of transformed weights.
    private static var panelsPerBlock: Int { 2 }
    /// Rows of frequencies of a task, so that there are enough tasks and a block stays in the cache.
    static var rowsPerTask: Int { Transform.size == 6 ? 3 : 2 }

    /// The products of all frequencies with the weights, summed over the depth taps block by block of input channels.
    func multiply(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, transforming weights: ConvolutionWeights,
        sliceTiles: Int, into products: UnsafeMutablePointer<Float>, _ right: Panels
    ) {
        guard !isDeep else {
            return multiplyDeep(values, left, transforming: weights, sliceTiles: sliceTiles, into: products, right)
        }
        let (panels, parts) = (right.all, left.all)
        let ranges = sliceRanges(sliceTiles: sliceTiles, tiles: left.rows)
        let (size, rows) = (Transform.size, Self.rowsPerTask)
        let shares = size / rows
        let taps = convolution.taps
        Parallel.shared.loop(panels.count * shares, .products) { task in
            let panel = panels[task / shares]
            let columns = panel.start..<panel.start + panel.width
            let frequencies = size * rows * (task % shares)..<size * rows * (task % shares + 1)
            let room = Panels(rows: Self.panelsPerBlock * Panels.width, columns: panel.width)
            TensorPool.shared.withScratch(taps * frequencies.count * room.stride) { factors in
                for first in stride(from: 0, to: parts.count, by: Self.panelsPerBlock) {
                    let block = parts[first..<min(parts.count, first + Self.panelsPerBlock)]
                    let channels = parts[first].start..<parts[first].start + block.reduce(0) { $0 + $1.width }
                    let matrix = Panels(rows: channels.count, columns: panel.width)
                    transform(weights, channels, columns, frequencies, into: factors, matrix)
                    for frequency in frequencies {
                        let source = values + frequency * left.stride
                        let factor = factors + (frequency - frequencies.lowerBound) * matrix.stride
                        for range in ranges {
                            withUnsafeTemporaryAllocation(
                                of: PanelProduct.Strip.self, capacity: range.offsets.count * block.count
                            ) { strips in
                                var place = 0
                                for offset in range.offsets {
                                    let tap = offset + taps / 2
                                    for part in block {
                                        strips[place] = PanelProduct.Strip(
                                            left: source + part.start * left.rows
                                                + (range.rows.lowerBound + offset * sliceTiles) * part.width,
                                            rowStride: part.width, stepStride: 1,
                                            right: factor + tap * frequencies.count * matrix.stride
                                                + (part.start - channels.lowerBound) * panel.width,
                                            steps: part.width)
                                        place += 1
                                    }
                                }
                                PanelProduct(
                                    rows: range.rows.count, width: panel.width,
                                    result: products + frequency * right.stride + panel.start * right.rows
                                        + range.rows.lowerBound * panel.width, resultStride: panel.width,
                                    start: first == 0 ? .zero : .result
                                ).multiply(UnsafeBufferPointer(strips))
                            }
                        }
                    }
                }
            }
        }
    }

    /// Some frequencies (whole rows) of a block of the weights: (depth tap or frequency, frequency), each a matrix
    /// [channels × columns].
    func transform(
        _ weights: ConvolutionWeights, _ channels: Range<Int>, _ columns: Range<Int>, _ frequencies: Range<Int>,
        into factors: UnsafeMutablePointer<Float>, _ matrix: Panels
    ) {
        let set = frequencies.count * matrix.stride
        let single = Panels(rows: 1, columns: columns.count)
        weights.withBlocks(of: convolution, channels, columns) { blocks in
            withTileScratch { scratch in
                func transform(_ row: Int, into base: UnsafeMutablePointer<Float>, _ panels: Panels, row place: Int) {
                    for (tap, block) in blocks.enumerated() {
                        WeightTile<Transform>(
                            weights: block.first + row * block.channelStride, stride: block.tapStride,
                            ahead: 2 * block.channelStride,
                            rows: frequencies.lowerBound / Transform.size..<frequencies.upperBound / Transform.size,
                            frequencies: TileFrequencies(
                                base: base + (tap * frequencies.count - frequencies.lowerBound) * panels.stride,
                                panels: panels, row: place), scratch: scratch
                        ).cover(0..<columns.count)
                    }
                }
                guard isDeep else {
                    for row in 0..<channels.count { transform(row, into: factors, matrix, row: row) }
                    return
                }
                TensorPool.shared.withScratch(convolution.taps * frequencies.count * single.stride) { taps in
                    for row in 0..<channels.count {
                        transform(row, into: taps, single, row: 0)
                        for index in 0..<frequencies.count {
                            DepthGroups.transformWeights(
                                .init(base: taps + index * single.stride, stride: frequencies.count * single.stride),
                                columns.count,
                                into: .init(
                                    base: factors + index * matrix.stride + row * columns.count, stride: set))
                        }
                    }
                }
            }
        }
    }

    /// Writes the weights' gradients, given the transformed values and gradients of all tiles.
    func correlate(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ gradients: UnsafeMutablePointer<Float>,
        _ right: Panels, sliceTiles: Int, transformingBackInto weight: UnsafeMutablePointer<Float>
    ) {
        guard !isDeep else {
            return correlateDeep(
                values, left, gradients, right, sliceTiles: sliceTiles, transformingBackInto: weight)
        }
        let (panels, parts) = (right.all, left.all)
        Parallel.shared.loop(panels.count * parts.count, .products) { task in
            let (panel, part) = (panels[task / parts.count], parts[task % parts.count])
            let matrix = Panels(rows: part.width, columns: panel.width)
            TensorPool.shared.withScratch(convolution.taps * Self.frequencies * matrix.stride) { sums in
                for tap in 0..<convolution.taps {
                    for frequency in 0..<Self.frequencies {
                        correlate(
                            values + frequency * left.stride + part.start * left.rows, part.width,
                            gradients + frequency * right.stride + panel.start * right.rows, panel.width, tap: tap,
                            tiles: left.rows, sliceTiles: sliceTiles,
                            into: sums + (tap * Self.frequencies + frequency) * matrix.stride, accumulating: false)
                    }
                    for row in 0..<part.width {
                        transformBack(
                            sums, matrix, depthTap: tap, row: row, firstChannel: part.start, firstColumn: panel.start,
                            into: weight)
                    }
                }
            }
        }
    }
}
