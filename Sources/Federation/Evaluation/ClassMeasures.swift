import CardiacMR

/// What is measured of one class of one case beside Dice.
package struct ClassMeasures: Codable, Equatable, Sendable {
    /// Hausdorff's distance at 95 %, the larger of the two directed percentiles, in mm; nil where the class is empty in
    /// the prediction or in the truth.
    package var hausdorff95: Double?
    /// Average symmetric surface distance, the mean of the two directed means, in mm; nil likewise.
    package var averageSurfaceDistance: Double?
    /// Volume of the class in the prediction, in ml.
    package var predictedVolume: Double
    /// Volume of the class in the truth, in ml.
    package var trueVolume: Double

    /// Whether one of both has the class and the other has not: a failure, which has no distance.
    package var isMissed: Bool { (predictedVolume > 0) != (trueVolume > 0) }

    /// Measures class `label` of two segmentations of one grid, with the truth's spacing.
    package init(_ label: UInt8, prediction: LabelVolume, truth: LabelVolume) {
        let spacing = truth.grid.spacing
        let distances = SurfaceDistances(
            prediction: prediction.labels, truth: truth.labels, label: label, size: truth.grid.size, spacing: spacing)
        hausdorff95 = distances?.hausdorff95
        averageSurfaceDistance = distances?.averageSymmetric
        predictedVolume = CardiacFunction.volume(of: label, in: prediction.labels, spacing: spacing)
        trueVolume = CardiacFunction.volume(of: label, in: truth.labels, spacing: spacing)
    }
}

/// Mean, standard deviation (n − 1) and median of the values that exist.
package struct Distribution: Equatable, Sendable {
    /// Number of values.
    package let count: Int
    /// Their mean.
    package let mean: Double
    /// Their standard deviation; nil for one value.
    package let deviation: Double?
    /// Their median.
    package let median: Double

    /// - Returns: nil without values.
    package init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        count = values.count
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        deviation =
            values.count < 2
            ? nil
            : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// "mean", "sd", "median" and "count".
    package var metrics: MetricsValue {
        [
            "count": .integer(count), "mean": .number(mean), "sd": deviation.map(MetricsValue.number) ?? .null,
            "median": .number(median),
        ]
    }
}

/// One class of a center over its cases.
package struct ClassSummary: Sendable {
    /// The class.
    package let name: String
    /// Dice over the cases that have one.
    package let dice: Distribution?
    /// Distances over the cases that have them, in mm.
    package let hausdorff95, averageSurfaceDistance: Distribution?
    /// Cases in which one of prediction and truth has the class and the other has not. They have no distance.
    package let missed: Int
    /// Cases in which neither has the class. They have no distance, and a Dice of 1 or none.
    package let absent: Int

    var metrics: MetricsValue {
        [
            "class": .text(name), "dice": dice?.metrics ?? .null, "hd95_mm": hausdorff95?.metrics ?? .null,
            "assd_mm": averageSurfaceDistance?.metrics ?? .null, "missed": .integer(missed),
            "absent": .integer(absent),
        ]
    }
}

extension CenterScore {
    /// The summary of each foreground class, in the center's order; for scores with measures.
    package var classSummaries: [ClassSummary] {
        classes.indices.map { index in
            let measures = cases.compactMap { $0.measures.isEmpty ? nil : $0.measures[index] }
            return ClassSummary(
                name: classes[index], dice: Distribution(cases.compactMap { $0.dice[index] }),
                hausdorff95: Distribution(measures.compactMap(\.hausdorff95)),
                averageSurfaceDistance: Distribution(measures.compactMap(\.averageSurfaceDistance)),
                missed: measures.count { $0.isMissed },
                absent: cases.count { $0.absent[index] })
        }
    }
}
