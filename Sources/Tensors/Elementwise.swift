/// Arithmetic on whole tensors.
package enum Elementwise {
    static let block = 16 << 10

    /// `target += values`.
    package static func add(_ values: Tensor, to target: Tensor) {
        require(values.shape == target.shape, "adding \(values.shape) to \(target.shape)")
        forEachBlock(values.count) { range in
            for index in range { target.base[index] += values.base[index] }
        }
    }

    /// `target *= factor`.
    package static func scale(_ target: Tensor, by factor: Float) {
        forEachBlock(target.count, .update) { range in
            for index in range { target.base[index] *= factor }
        }
    }

    /// `target = values`.
    package static func copy(_ values: Tensor, to target: Tensor) {
        require(values.shape == target.shape, "copying \(values.shape) to \(target.shape)")
        forEachBlock(values.count) { range in
            (target.base + range.lowerBound).update(from: values.base + range.lowerBound, count: range.count)
        }
    }

    /// `target += factor · (left − right)`, for some neighbouring values that all three have.
    package static func addDifference(
        _ left: Tensor, _ right: Tensor, times factor: Float, to target: Tensor, in values: Range<Int>
    ) {
        let count = min(left.count, right.count, target.count)
        require(values.lowerBound >= 0 && values.upperBound <= count, "values \(values) of \(count)")
        forEachBlock(values.count) { range in
            for index in range.lowerBound &+ values.lowerBound..<range.upperBound &+ values.lowerBound {
                target.base[index] += factor * (left.base[index] - right.base[index])
            }
        }
    }

    /// Σ (left − right)², over some neighbouring values that both have; the same bits on any number of threads.
    package static func squaredDistance(_ left: Tensor, _ right: Tensor, in values: Range<Int>) -> Double {
        sum(of: min(left.count, right.count), in: values) { index in
            let difference = Double(left.base[index]) - Double(right.base[index])
            return difference * difference
        }
    }

    /// Σ value², over some neighbouring values; the same bits on any number of threads.
    package static func squaredLength(_ tensor: Tensor, in values: Range<Int>) -> Double {
        sum(of: tensor.count, in: values) { index in
            let value = Double(tensor.base[index])
            return value * value
        }
    }

    /// Σ factor · (left − right), over some neighbouring values that all three have; the same bits on any number of threads.
    package static func innerProduct(
        _ factor: Tensor, _ left: Tensor, minus right: Tensor, in values: Range<Int>
    ) -> Double {
        sum(of: min(factor.count, left.count, right.count), in: values) { index in
            Double(factor.base[index]) * (Double(left.base[index]) - Double(right.base[index]))
        }
    }

    /// The sum of a term over some values of tensors that have `count`: of each block, and of these in their order.
    @inline(__always)
    private static func sum(of count: Int, in values: Range<Int>, _ term: (Int) -> Double) -> Double {
        require(values.lowerBound >= 0 && values.upperBound <= count, "values \(values) of \(count)")
        let blocks = (values.count + block - 1) / block
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: max(1, blocks))
        defer { sums.deallocate() }
        withoutActuallyEscaping(term) { term in
            forEachBlock(values.count) { range in
                var sum = 0.0
                for index in range.lowerBound &+ values.lowerBound..<range.upperBound &+ values.lowerBound {
                    sum += term(index)
                }
                sums[range.lowerBound / block] = sum
            }
        }
        return sums.prefix(blocks).reduce(0, +)
    }

    /// `left · share + right · (1 − share)`, of two tensors of one shape.
    package static func mixture(_ left: Tensor, _ right: Tensor, share: Float) -> Tensor {
        require(left.shape == right.shape, "a mixture of \(left.shape) and \(right.shape)")
        let result = Tensor(left.shape)
        forEachBlock(left.count) { range in
            for index in range { result.base[index] = share * left.base[index] + (1 - share) * right.base[index] }
        }
        return result
    }

    /// `target -= rate · gradient`: a step of stochastic gradient descent.
    package static func descend(_ gradient: Tensor, rate: Float, _ target: Tensor, in values: Range<Int>) {
        require(gradient.shape == target.shape, "a gradient of \(gradient.shape) for \(target.shape)")
        require(values.lowerBound >= 0 && values.upperBound <= target.count, "values \(values) of \(target.count)")
        forEachBlock(values.count, .update) { range in
            for index in range.lowerBound &+ values.lowerBound..<range.upperBound &+ values.lowerBound {
                target.base[index] -= rate * gradient.base[index]
            }
        }
    }

    /// The sum of two tensors of one shape.
    package static func sum(_ left: Tensor, _ right: Tensor) -> Tensor {
        let result = left.copy()
        add(right, to: result)
        return result
    }

    /// `left` and `right` side by side in the channels.
    package static func concatenate(_ left: Tensor, _ right: Tensor) -> Tensor {
        FeatureMap(left).beside(FeatureMap(right)).written()
    }

    /// The first half of the channels and the second: the reverse of ``concatenate(_:_:)``.
    package static func halve(_ tensor: Tensor) -> (Tensor, Tensor) {
        let channels = tensor.shape.channels / 2
        require(2 * channels == tensor.shape.channels, "halves of \(tensor.shape)")
        let left = Tensor(tensor.shape.with(channels: channels))
        let right = Tensor(tensor.shape.with(channels: channels))
        forEachBlock(tensor.shape.positions, size: positionBlock(2 * channels)) { positions in
            for position in positions {
                let source = tensor.base + position &* 2 &* channels
                (left.base + position &* channels).update(from: source, count: channels)
                (right.base + position &* channels).update(from: source + channels, count: channels)
            }
        }
        return (left, right)
    }

    /// Positions of one task, where each has so many channels.
    private static func positionBlock(_ channels: Int) -> Int { max(1, block / channels) }

    static func forEachBlock(
        _ count: Int, size: Int = block, _ kind: KernelKind = .elementwise, _ body: (Range<Int>) -> Void
    ) {
        Parallel.shared.loop((count + size - 1) / size, kind) { task in
            body(task * size..<min(count, (task + 1) * size))
        }
    }
}
