/// Volumes and function of a heart from its segmentations.
package enum CardiacFunction {
    /// Density of myocardium in g/ml.
    package static let myocardialDensity = 1.05

    /// The volume of a class in ml.
    package static func volume(of label: UInt8, in labels: [UInt8], spacing: SIMD3<Double>) -> Double {
        let voxel = spacing.x * spacing.y * spacing.z / 1000
        return Double(labels.count { $0 == label }) * voxel
    }

    /// The fraction of a ventricle's end-diastolic volume that a beat ejects; nil where that is 0.
    package static func ejectionFraction(endDiastolic: Double, endSystolic: Double) -> Double? {
        endDiastolic > 0 ? 1 - endSystolic / endDiastolic : nil
    }

    /// Mass of a myocardium in g from its volume in ml.
    package static func mass(ofVolume volume: Double) -> Double { myocardialDensity * volume }
}

/// How well a quantity measured on predictions agrees with the truth over a cohort.
package struct Agreement: Equatable, Sendable {
    /// Number of pairs.
    package let count: Int
    /// Mean of prediction − truth.
    package let bias: Double
    /// 1.96 standard deviations (n − 1) of the differences: Bland and Altman's limits are bias ± this. nil for one pair.
    package let limits: Double?
    /// Pearson's coefficient; nil where one side does not vary.
    package let correlation: Double?

    /// - Returns: nil where there is no pair.
    package init?(prediction: [Double], truth: [Double]) {
        precondition(prediction.count == truth.count, "pairs")
        guard !truth.isEmpty else { return nil }
        count = truth.count
        let number = Double(truth.count)
        let differences = zip(prediction, truth).map { $0 - $1 }
        let bias = differences.reduce(0, +) / number
        self.bias = bias
        limits =
            count < 2
            ? nil : 1.96 * (differences.reduce(0) { $0 + ($1 - bias) * ($1 - bias) } / (number - 1)).squareRoot()
        let (ours, theirs) = (prediction.reduce(0, +) / number, truth.reduce(0, +) / number)
        var (both, one, other) = (0.0, 0.0, 0.0)
        for (first, second) in zip(prediction, truth) {
            both += (first - ours) * (second - theirs)
            one += (first - ours) * (first - ours)
            other += (second - theirs) * (second - theirs)
        }
        correlation = one > 0 && other > 0 ? both / (one * other).squareRoot() : nil
    }
}
