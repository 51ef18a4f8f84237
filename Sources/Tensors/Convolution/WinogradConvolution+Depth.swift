/// Three taps in depth by Winograd's F(4, 3), too: each frequency of the plane becomes six in depth, whose matrices have a row for
/// each tile of four slices. What is transformed in depth is a frequency's own, so one task transforms, multiplies and
/// transforms back in its core's cache.
extension WinogradConvolution {
    /// Frequencies in depth.
    private static var depthFrequencies: Int { DepthGroups.Transform.size }
    /// The most floats of a frequency's values that are transformed in depth at a time.
    private static var largestPart: Int { 1 << 16 }

    /// The products of all frequencies, transformed in depth and back.
    func multiplyDeep(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ weights: Tensor, sliceTiles: Int,
        into products: UnsafeMutablePointer<Float>, _ right: Panels, alone: Bool
    ) {
        let matrix = Panels(rows: left.columns, columns: right.columns)
        let (panels, parts) = (right.all, left.all)
        let groups = DepthGroups(slices: left.rows / sliceTiles)
        let blocks = (panels.count + Self.panelsPerTask - 1) / Self.panelsPerTask
        let ranges = tileParts(sliceTiles, floatsPerTile: Self.depthFrequencies * groups.count * left.columns)
        Parallel.shared.loop(Self.frequencies * blocks, .products, alone: alone) { task in
            let (frequency, panels) = (
                task / blocks, panels.dropFirst(task % blocks * Self.panelsPerTask).prefix(Self.panelsPerTask)
            )
            for tiles in ranges {
                let inner = Panels(rows: groups.count * tiles.count, columns: left.columns)
                let sumStride = inner.rows * Panels.width
                TensorPool.shared.withScratch(Self.depthFrequencies * (inner.stride + sumStride)) { scratch in
                    let sums = scratch + Self.depthFrequencies * inner.stride
                    transformDepth(
                        values + frequency * left.stride, left, groups, tiles: tiles, of: sliceTiles, into: scratch,
                        inner)
                    for panel in panels {
                        for depthFrequency in 0..<Self.depthFrequencies {
                            multiply(
                                scratch + depthFrequency * inner.stride, inner, parts,
                                weights.base + (depthFrequency * Self.frequencies + frequency) * matrix.stride
                                    + panel.start * matrix.rows, panel.width, into: sums + depthFrequency * sumStride,
                                start: .zero)
                        }
                        groups.transformOutput(
                            .init(base: sums, stride: sumStride), tiles.count * panel.width,
                            into: .init(
                                base: products + frequency * right.stride + panel.start * right.rows
                                    + tiles.lowerBound * panel.width, stride: sliceTiles * panel.width))
                    }
                }
            }
        }
    }

    /// Transforms a frequency's values, some tiles of each slice, in depth.
    private func transformDepth(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ groups: DepthGroups, tiles: Range<Int>,
        of sliceTiles: Int, into target: UnsafeMutablePointer<Float>, _ inner: Panels
    ) {
        for part in left.all {
            groups.transformInput(
                .init(
                    base: values + part.start * left.rows + tiles.lowerBound * part.width,
                    stride: sliceTiles * part.width), tiles.count * part.width,
                into: .init(base: target + part.start * inner.rows, stride: inner.stride))
        }
    }

    /// The product of values, some panels of them, with a panel of weights whose first row belongs to the first of these.
    private func multiply(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ parts: some Collection<(start: Int, width: Int)>,
        _ weights: UnsafeMutablePointer<Float>, _ width: Int, into result: UnsafeMutablePointer<Float>,
        start: PanelProduct.Start
    ) {
        withUnsafeTemporaryAllocation(of: PanelProduct.Strip.self, capacity: parts.count) { strips in
            let first = parts.first?.start ?? 0
            for (place, part) in parts.enumerated() {
                strips[place] = PanelProduct.Strip(
                    left: values + part.start * left.rows, rowStride: part.width, stepStride: 1,
                    right: weights + (part.start - first) * width, steps: part.width)
            }
            PanelProduct(rows: left.rows, width: width, result: result, resultStride: width, start: start).multiply(
                UnsafeBufferPointer(strips))
        }
    }

    /// The products of the transposed values with the gradients, for all frequencies and depth taps.
    func correlateDeep(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ gradients: UnsafeMutablePointer<Float>,
        _ right: Panels, sliceTiles: Int, into sums: UnsafeMutablePointer<Float>, _ matrix: Panels, accumulating: Bool
    ) {
        let (panels, parts) = (right.all, left.all)
        let groups = DepthGroups(slices: left.rows / sliceTiles)
        let blocks = (panels.count + Self.panelsPerTask - 1) / Self.panelsPerTask
        let inner = Panels(rows: groups.count * sliceTiles, columns: left.columns)
        let slope = Panels(rows: inner.rows, columns: Panels.width)
        Parallel.shared.loop(Self.frequencies * blocks, .products) { task in
            let (frequency, panels) = (
                task / blocks, panels.dropFirst(task % blocks * Self.panelsPerTask).prefix(Self.panelsPerTask)
            )
            TensorPool.shared.withScratch(Self.depthFrequencies * (inner.stride + slope.stride)) { scratch in
                let slopes = scratch + Self.depthFrequencies * inner.stride
                transformDepth(
                    values + frequency * left.stride, left, groups, tiles: 0..<sliceTiles, of: sliceTiles,
                    into: scratch, inner)
                for panel in panels {
                    groups.transformGradient(
                        .init(
                            base: gradients + frequency * right.stride + panel.start * right.rows,
                            stride: sliceTiles * panel.width), sliceTiles * panel.width,
                        into: .init(base: slopes, stride: slope.stride))
                    for part in parts {
                        correlateDeep(
                            .init(base: scratch + part.start * inner.rows, stride: inner.stride), part.width,
                            .init(base: slopes, stride: slope.stride), panel.width, rows: inner.rows,
                            into: .init(
                                base: sums + frequency * matrix.stride + panel.start * matrix.rows
                                    + part.start * panel.width, stride: Self.frequencies * matrix.stride),
                            accumulating: accumulating)
                    }
                }
            }
        }
    }

    /// The gradients of a frequency's weights from one panel of inputs to one of outputs, for all depth taps.
    private func correlateDeep(
        _ values: DepthGroups.Run, _ inputs: Int, _ gradients: DepthGroups.Run, _ outputs: Int, rows: Int,
        into taps: DepthGroups.Run, accumulating: Bool
    ) {
        let size = inputs * outputs
        TensorPool.shared.withScratch(Self.depthFrequencies * size) { sums in
            for frequency in 0..<Self.depthFrequencies {
                PanelProduct(
                    rows: inputs, width: outputs, result: sums + frequency * size, resultStride: outputs, start: .zero
                ).multiply(
                    .init(
                        left: values.base + frequency * values.stride, rowStride: 1, stepStride: inputs,
                        right: gradients.base + frequency * gradients.stride, steps: rows))
            }
            DepthGroups.transformWeightGradients(
                .init(base: sums, stride: size), size, into: taps, accumulating: accumulating)
        }
    }

    /// The products of all frequencies with the weights, transformed in depth and back, block by block of input channels.
    func multiplyDeep(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, transforming weights: ConvolutionWeights,
        sliceTiles: Int, into products: UnsafeMutablePointer<Float>, _ right: Panels
    ) {
        let groups = DepthGroups(slices: left.rows / sliceTiles)
        let (inner, outer) = (
            Panels(rows: groups.count * sliceTiles, columns: left.columns),
            Panels(rows: groups.count * sliceTiles, columns: right.columns)
        )
        let panels = right.all
        let (size, rows) = (Transform.size, Self.rowsPerTask)
        let shares = size / rows
        let set = Self.frequencies
        TensorPool.shared.withScratch(Self.depthFrequencies * set * (inner.stride + outer.stride)) { deep in
            let sums = deep + Self.depthFrequencies * set * inner.stride
            transformDepth(values, left, groups, sliceTiles: sliceTiles, into: deep, inner) {
                $0.transformInput($1, $2, into: $3)
            }
            Parallel.shared.loop(panels.count * shares, .products) { task in
                let panel = panels[task / shares]
                let columns = panel.start..<panel.start + panel.width
                let frequencies = size * rows * (task % shares)..<size * rows * (task % shares + 1)
                let room = Panels(rows: Panels.width, columns: panel.width)
                TensorPool.shared.withScratch(Self.depthFrequencies * frequencies.count * room.stride) { factors in
                    for part in left.all {
                        let matrix = Panels(rows: part.width, columns: panel.width)
                        let factorSet = frequencies.count * matrix.stride
                        transform(
                            weights, part.start..<part.start + part.width, columns, frequencies, into: factors, matrix)
                        for frequency in frequencies {
                            for depthFrequency in 0..<Self.depthFrequencies {
                                let place = depthFrequency * set + frequency
                                multiply(
                                    deep + place * inner.stride, inner, CollectionOfOne(part),
                                    factors + depthFrequency * factorSet
                                        + (frequency - frequencies.lowerBound) * matrix.stride, panel.width,
                                    into: sums + place * outer.stride + panel.start * outer.rows,
                                    start: part.start == 0 ? .zero : .result)
                            }
                        }
                    }
                }
                for frequency in frequencies {
                    groups.transformOutput(
                        .init(
                            base: sums + frequency * outer.stride + panel.start * outer.rows,
                            stride: set * outer.stride), sliceTiles * panel.width,
                        into: .init(
                            base: products + frequency * right.stride + panel.start * right.rows,
                            stride: sliceTiles * panel.width))
                }
            }
        }
    }

    /// Writes the weights' gradients, given the values and gradients of all tiles, transformed in the plane.
    func correlateDeep(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ gradients: UnsafeMutablePointer<Float>,
        _ right: Panels, sliceTiles: Int, transformingBackInto weight: UnsafeMutablePointer<Float>
    ) {
        let groups = DepthGroups(slices: left.rows / sliceTiles)
        let (inner, outer) = (
            Panels(rows: groups.count * sliceTiles, columns: left.columns),
            Panels(rows: groups.count * sliceTiles, columns: right.columns)
        )
        let (panels, parts) = (right.all, left.all)
        let set = Self.frequencies
        TensorPool.shared.withScratch(Self.depthFrequencies * set * (inner.stride + outer.stride)) { deep in
            let slopes = deep + Self.depthFrequencies * set * inner.stride
            transformDepth(values, left, groups, sliceTiles: sliceTiles, into: deep, inner) {
                $0.transformInput($1, $2, into: $3)
            }
            transformDepth(gradients, right, groups, sliceTiles: sliceTiles, into: slopes, outer) {
                $0.transformGradient($1, $2, into: $3)
            }
            Parallel.shared.loop(panels.count * parts.count, .products) { task in
                let (panel, part) = (panels[task / parts.count], parts[task % parts.count])
                let matrix = Panels(rows: part.width, columns: panel.width)
                TensorPool.shared.withScratch(convolution.taps * set * matrix.stride) { sums in
                    for frequency in 0..<set {
                        correlateDeep(
                            .init(
                                base: deep + frequency * inner.stride + part.start * inner.rows,
                                stride: set * inner.stride), part.width,
                            .init(
                                base: slopes + frequency * outer.stride + panel.start * outer.rows,
                                stride: set * outer.stride), panel.width, rows: inner.rows,
                            into: .init(base: sums + frequency * matrix.stride, stride: set * matrix.stride),
                            accumulating: false)
                    }
                    for tap in 0..<convolution.taps {
                        for row in 0..<part.width {
                            transformBack(
                                sums, matrix, depthTap: tap, row: row, firstChannel: part.start,
                                firstColumn: panel.start, into: weight)
                        }
                    }
                }
            }
        }
    }

    /// Transforms all frequencies' slices in depth.
    private func transformDepth(
        _ values: UnsafeMutablePointer<Float>, _ left: Panels, _ groups: DepthGroups, sliceTiles: Int,
        into deep: UnsafeMutablePointer<Float>, _ inner: Panels,
        _ transform: (DepthGroups, DepthGroups.Run, Int, DepthGroups.Run) -> Void
    ) {
        let parts = left.all
        Parallel.shared.loop(Self.frequencies * parts.count, .products) { task in
            let (frequency, part) = (task / parts.count, parts[task % parts.count])
            transform(
                groups,
                .init(
                    base: values + frequency * left.stride + part.start * left.rows, stride: sliceTiles * part.width),
                sliceTiles * part.width,
                .init(
                    base: deep + frequency * inner.stride + part.start * inner.rows,
                    stride: Self.frequencies * inner.stride))
        }
    }

    /// Parts of a slice's tiles, whose values stay in a cache; of a multiple of eight rows as far as that goes.
    private func tileParts(_ sliceTiles: Int, floatsPerTile: Int) -> [Range<Int>] {
        let most = max(8, Self.largestPart / floatsPerTile & ~7)
        return stride(from: 0, to: sliceTiles, by: most).map { $0..<min(sliceTiles, $0 + most) }
    }
}
