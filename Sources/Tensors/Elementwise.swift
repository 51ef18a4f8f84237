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

    /// The sum of two tensors of one shape.
    package static func sum(_ left: Tensor, _ right: Tensor) -> Tensor {
        let result = left.copy()
        add(right, to: result)
        return result
    }

    /// `left` and `right` side by side in the channels.
    package static func concatenate(_ left: Tensor, _ right: Tensor) -> Tensor {
        let (a, b) = (left.shape.channels, right.shape.channels)
        require(right.shape.with(channels: a) == left.shape, "\(left.shape) beside \(right.shape)")
        let result = Tensor(left.shape.with(channels: a + b))
        forEachBlock(left.shape.positions, size: positionBlock(a + b)) { positions in
            for position in positions {
                let target = result.base + position &* (a &+ b)
                target.update(from: left.base + position &* a, count: a)
                (target + a).update(from: right.base + position &* b, count: b)
            }
        }
        return result
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
