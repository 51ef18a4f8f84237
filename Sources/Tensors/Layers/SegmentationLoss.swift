#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Which classes of a volume the Dice loss is the mean over.
package struct DiceClasses: Sendable, Equatable {
    /// Whether the background is one of them.
    package var background = true
    /// Whether those that the volume's labels do not have are. One such class's loss is 1 − 1 / (Σ p + 1): the same slope
    /// as that of all voxels of a small class together.
    package var absent = true

    /// All.
    package init() {}

    /// Whether each class counts.
    func chosen(_ classes: Int, labels: [UInt8]) -> [Bool] {
        var chosen = [Bool](repeating: true, count: classes)
        if !absent {
            var present = [Bool](repeating: false, count: 256)
            for label in labels { present[Int(label)] = true }
            for index in 0..<classes { chosen[index] = present[index] }
        }
        if !background { chosen[0] = false }
        return chosen
    }
}

/// The losses of a segmentation and their gradient, in two passes over the voxels (`method.md`, "Loss of one step").
///
///     dice          = 1 − mean over classes of (2 Σ p y + 1) / (Σ p + Σ y + 1)
///     cross-entropy = −mean over voxels of Σ_c y log(p + 10⁻⁶)
///     distillation  = the same with the momentum bank's probabilities in y's place
package struct SegmentationLoss: Sendable {
    /// Weights of the three terms in the gradient.
    package var dice: Float
    /// Weight of the cross-entropy.
    package var crossEntropy: Float
    /// Weight of the distillation.
    package var distillation: Float
    /// Which classes the Dice is the mean over; without any it is 0.
    package var classes: DiceClasses

    /// A weighted sum of the three terms.
    package init(dice: Float, crossEntropy: Float, distillation: Float, classes: DiceClasses = DiceClasses()) {
        self.classes = classes
        self.dice = dice
        self.crossEntropy = crossEntropy
        self.distillation = distillation
    }

    /// The terms' values, unweighted.
    package struct Terms: Sendable {
        /// Dice loss.
        package var dice: Double
        /// Cross-entropy against the labels.
        package var crossEntropy: Double
        /// Cross-entropy against the teacher; 0 without one.
        package var distillation: Double
    }

    private static let offset: Float = 1e-6
    private static let block = 2048

    /// Replaces scores (…, classes) by their softmax over the classes.
    package static func softmax(_ scores: Tensor) {
        let classes = scores.shape.channels
        forEachBlock(scores.shape.positions) { _, voxels in
            for voxel in voxels {
                let row = scores.base + voxel &* classes
                var largest = row[0]
                for index in 1..<classes { largest = max(largest, row[index]) }
                var sum: Float = 0
                for index in 0..<classes {
                    row[index] = exp(row[index] - largest)
                    sum += row[index]
                }
                let reciprocal = 1 / sum
                for index in 0..<classes { row[index] *= reciprocal }
            }
        }
    }

    /// The terms, and the gradient of their weighted sum by the scores before the softmax.
    /// - Parameters:
    ///   - probabilities: (depth, height, width, classes), replaced by the gradient.
    ///   - labels: a class for each voxel.
    ///   - teacher: the momentum bank's probabilities, where the distillation takes part.
    package func evaluate(_ probabilities: Tensor, labels: [UInt8], teacher: Tensor?) -> Terms {
        let classes = probabilities.shape.channels
        let voxels = probabilities.shape.positions
        require(labels.count == voxels, "\(labels.count) labels for \(probabilities.shape)")
        require(
            teacher.map { $0.shape == probabilities.shape } ?? true, "the teacher's shape is \(probabilities.shape)")
        let sums = self.sums(probabilities, labels: labels, teacher: teacher)
        let overlap = sums[0..<classes]
        let total = sums[classes..<2 * classes]
        var terms = Terms(dice: 0, crossEntropy: sums[2 * classes], distillation: sums[2 * classes + 1])
        terms.crossEntropy /= -Double(voxels)
        terms.distillation /= -Double(voxels)
        // dDice/dp = −(2 y T − (2 I + 1)) / (T² C), where T = Σ p + Σ y + 1: one value off the class, one on it.
        var diceOff = [Float](repeating: 0, count: classes)
        var diceOn = [Float](repeating: 0, count: classes)
        let chosen = self.classes.chosen(classes, labels: labels)
        let count = Double(chosen.count { $0 })
        for index in 0..<classes where chosen[index] {
            let denominator = total[classes + index] + 1
            let score = (2 * overlap[index] + 1) / denominator
            terms.dice += (1 - score) / count
            diceOff[index] = dice * Float(score / denominator / count)
            diceOn[index] = dice * Float((score - 2) / denominator / count)
        }
        let crossEntropyFactor = -crossEntropy / Float(voxels)
        let distillationFactor = -distillation / Float(voxels)
        Self.forEachBlock(voxels) { _, block in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: classes) { slope in
                for voxel in block {
                    let p = probabilities.base + voxel &* classes
                    let label = Int(labels[voxel])
                    var mean: Float = 0
                    for index in 0..<classes {
                        var value = index == label ? diceOn[index] : diceOff[index]
                        if index == label { value += crossEntropyFactor / (p[index] + Self.offset) }
                        if let teacher {
                            value +=
                                distillationFactor * teacher.base[voxel &* classes &+ index] / (p[index] + Self.offset)
                        }
                        slope[index] = value
                        mean += value * p[index]
                    }
                    for index in 0..<classes { p[index] *= slope[index] - mean }
                }
            }
        }
        return terms
    }

    /// Σ p y of each class, Σ p + Σ y of each class, Σ y log p, Σ teacher log p.
    private func sums(_ probabilities: Tensor, labels: [UInt8], teacher: Tensor?) -> [Double] {
        let classes = probabilities.shape.channels
        let width = 2 * classes + 2
        let blocks = (labels.count + Self.block - 1) / Self.block
        var partial = [Double](repeating: 0, count: blocks * width)
        partial.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            nonisolated(unsafe) let partial = start
            Self.forEachBlock(labels.count) { block, voxels in
                let sums = partial + block * width
                for voxel in voxels {
                    let p = probabilities.base + voxel &* classes
                    let label = Int(labels[voxel])
                    require(label < classes, "label \(label) with \(classes) classes")
                    sums[label] += Double(p[label])
                    sums[classes + label] += 1
                    for index in 0..<classes { sums[classes + index] += Double(p[index]) }
                    sums[2 * classes] += Double(log(p[label] + Self.offset))
                    guard let teacher else { continue }
                    for index in 0..<classes {
                        sums[2 * classes + 1] +=
                            Double(teacher.base[voxel &* classes &+ index] * log(p[index] + Self.offset))
                    }
                }
            }
        }
        var result = [Double](repeating: 0, count: width)
        for block in 0..<blocks {
            for index in 0..<width { result[index] += partial[block * width + index] }
        }
        return result
    }

    private static func forEachBlock(_ voxels: Int, _ body: (_ block: Int, _ voxels: Range<Int>) -> Void) {
        Parallel.shared.loop((voxels + block - 1) / block, .losses) { index in
            body(index, index * block..<min(voxels, (index + 1) * block))
        }
    }
}
