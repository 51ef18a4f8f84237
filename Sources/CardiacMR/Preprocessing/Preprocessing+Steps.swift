import Tensors

extension Preprocessing {
    /// Resamples and crops each slice; what lies off the image is 0.
    func resampled(_ image: Volume, _ geometry: SampleGeometry) -> [Float] {
        let plane = geometry.sampling(.cubic)
        let inSlice = image.grid.size.x * image.grid.size.y
        return slices(geometry, of: Float(0)) { nativeSlice, output in
            image.voxels.withUnsafeBufferPointer { voxels in
                guard let base = voxels.baseAddress else { return }
                let input = base + nativeSlice * inSlice
                if plane.copy(input, into: output) { return }
                withUnsafeTemporaryAllocation(
                    of: Float.self, capacity: plane.rows.inputCount * plane.columns.outputCount
                ) { scratch in
                    guard let scratch = scratch.baseAddress else { return }
                    plane.apply(input, into: output, scratch: scratch)
                }
            }
        }
    }

    /// Resamples each class's mask linearly and takes the highest; what lies off the image is background.
    func resampled(_ labels: [UInt8], classes: Int, _ geometry: SampleGeometry) -> [UInt8] {
        let plane = geometry.sampling(.linear)
        let inSlice = geometry.oriented.size.x * geometry.oriented.size.y
        return slices(geometry, of: UInt8(0)) { nativeSlice, output in
            labels.withUnsafeBufferPointer { labels in
                guard let base = labels.baseAddress else { return }
                let input = base + nativeSlice * inSlice
                if plane.copy(input, into: output) { return }
                plane.labels(classes: classes, into: output) { label, scores in
                    var isPresent = false
                    for index in 0..<inSlice {
                        let isLabel = input[index] == UInt8(label)
                        scores[index] = isLabel ? 1 : 0
                        isPresent = isPresent || isLabel
                    }
                    return isPresent
                }
            }
        }
    }

    /// Runs `body` for each slice that the image has, with its place in the result.
    private func slices<Value: Sendable>(
        _ geometry: SampleGeometry, of zero: Value, _ body: (Int, UnsafeMutablePointer<Value>) -> Void
    ) -> [Value] {
        let size = geometry.size
        var result = [Value](repeating: zero, count: size.count)
        result.withUnsafeMutableBufferPointer { result in
            guard let base = result.baseAddress else { return }
            Parallel.shared.loop(size.depth) { slice in
                let nativeSlice = slice + geometry.firstSlice
                guard (0..<geometry.native.size.z).contains(nativeSlice) else { return }
                body(nativeSlice, base + slice * size.height * size.width)
            }
        }
        return result
    }

    /// Clips and normalizes by the voxels that lie on the image, and gives padding the smallest of their values, which
    /// is air. So a volume's statistics do not depend on how much it is padded.
    /// - Returns: false when all voxels are equal.
    func normalize(_ values: inout [Float], _ geometry: SampleGeometry) -> Bool {
        let size = geometry.size
        let plane = geometry.sampling(.linear)
        let sliceRange = max(0, -geometry.firstSlice)..<min(size.depth, geometry.native.size.z - geometry.firstSlice)
        guard let rows = Self.range(plane.rows.isInside), let columns = Self.range(plane.columns.isInside) else {
            return false
        }
        var inside: [Float] = []
        inside.reserveCapacity(sliceRange.count * rows.count * columns.count)
        for slice in sliceRange {
            for row in rows {
                let start = (slice * size.height + row) * size.width
                inside.append(contentsOf: values[start + columns.lowerBound..<start + columns.upperBound])
            }
        }
        guard !inside.isEmpty else { return false }
        var limit = Float.infinity
        if let percentile = settings.clipPercentile { limit = Quantile.value(of: percentile / 100, in: &inside) }
        var sum = 0.0
        var least = Float.infinity
        for value in inside {
            sum += Double(min(value, limit))
            least = min(least, value)
        }
        let mean = sum / Double(inside.count)
        var squares = 0.0
        for value in inside {
            let difference = Double(min(value, limit)) - mean
            squares += difference * difference
        }
        let deviation = (squares / Double(inside.count)).squareRoot()
        // Rounding leaves a constant image a deviation of about its value's last bit.
        let isFlat = deviation <= 1e-6 * abs(mean)
        let scale = settings.normalizes ? (isFlat ? 0 : 1 / deviation) : 1
        let shift = settings.normalizes ? mean : 0
        func normalized(_ value: Float) -> Float { Float((Double(min(value, limit)) - shift) * scale) }
        let air = normalized(least)
        for slice in 0..<size.depth {
            for row in 0..<size.height {
                let start = (slice * size.height + row) * size.width
                let isOn = sliceRange.contains(slice) && rows.contains(row)
                for column in 0..<size.width {
                    values[start + column] = isOn && columns.contains(column) ? normalized(values[start + column]) : air
                }
            }
        }
        return !isFlat
    }

    /// The one stretch of true values.
    private static func range(_ flags: [Bool]) -> Range<Int>? {
        guard let first = flags.firstIndex(of: true), let last = flags.lastIndex(of: true) else { return nil }
        return first..<last + 1
    }
}

extension PlaneResampling {
    /// Copies where every output is an input pixel or off the plane (nothing to interpolate). False where not.
    fileprivate func copy<Value>(_ input: UnsafePointer<Value>, into output: UnsafeMutablePointer<Value>) -> Bool {
        guard let rowOf = rows.copies, let columnOf = columns.copies else { return false }
        for row in 0..<rows.outputCount where rows.isInside[row] {
            let line = input + rowOf[row] * columns.inputCount
            let to = output + row * columns.outputCount
            for column in 0..<columns.outputCount where columns.isInside[column] { to[column] = line[columnOf[column]] }
        }
        return true
    }
}
