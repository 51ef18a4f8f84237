/// How often a segmentation and the truth agree and disagree, per class.
package struct SegmentationCounts: Equatable, Sendable {
    /// Voxels of each class in both.
    package private(set) var both: [Int]
    /// Voxels of each class in the prediction, in the truth.
    package private(set) var predicted, actual: [Int]

    /// Counts over two segmentations of one size.
    /// - Parameter classes: all labels are below.
    package init(prediction: [UInt8], truth: [UInt8], classes: Int) {
        precondition(prediction.count == truth.count, "segmentations of one size")
        both = [Int](repeating: 0, count: classes)
        predicted = both
        actual = both
        for (one, other) in zip(prediction, truth) {
            predicted[Int(one)] += 1
            actual[Int(other)] += 1
            if one == other { both[Int(one)] += 1 }
        }
    }

    /// Voxels of a class in both.
    package func truePositives(_ label: Int) -> Int { both[label] }
    /// Voxels of a class in the prediction alone.
    package func falsePositives(_ label: Int) -> Int { predicted[label] - both[label] }
    /// Voxels of a class in the truth alone.
    package func falseNegatives(_ label: Int) -> Int { actual[label] - both[label] }

    /// Dice's coefficient of a class: twice the overlap over the sum of both sizes; nil where both are empty, which says
    /// nothing.
    package func dice(_ label: Int) -> Double? {
        let sum = predicted[label] + actual[label]
        return sum == 0 ? nil : 2 * Double(both[label]) / Double(sum)
    }

    /// Dice's coefficients of the classes 1, 2, …: the background does not count.
    package var foregroundDice: [Double?] { (1..<both.count).map(dice) }
}
