import CardiacMR

/// How well a center's network segments the cases of a split, on their native grids.
package struct CenterScore: Codable, Sendable {
    /// One case.
    package struct CaseScore: Codable, Sendable {
        /// Subject and phase.
        package var name: String
        /// Who it shows.
        package var subject: String
        /// When in the cycle.
        package var phase: CardiacMR.Phase
        /// Dice of each foreground class, in the center's order; nil where it says nothing.
        package var dice: [Double?]
        /// Whether neither the truth nor the prediction has the class.
        package var absent: [Bool]
        /// Distances and volumes of each foreground class; empty where only Dice was asked for.
        package var measures: [ClassMeasures]
        /// How right the probabilities are, as the network sees the case; nil likewise, and where nothing is foreground.
        package var calibration: Calibration?

        /// A case's scores.
        package init(
            name: String, subject: String, phase: CardiacMR.Phase, dice: [Double?], absent: [Bool],
            measures: [ClassMeasures]
        ) {
            (self.name, self.subject, self.phase) = (name, subject, phase)
            (self.dice, self.absent, self.measures) = (dice, absent, measures)
        }

        /// Mean over the foreground classes that have a Dice; nil where none has.
        package var mean: Double? { Distribution(dice.compactMap { $0 })?.mean }
    }

    /// The center.
    package var center: String
    /// Foreground classes.
    package var classes: [String]
    /// The cases in the split's order.
    package var cases: [CaseScore]
    /// Cases that could not be used, by name, and why; no score counts them.
    package var leftOut: [String: String] = [:]

    /// A center's scores.
    package init(center: String, classes: [String], cases: [CaseScore]) {
        (self.center, self.classes, self.cases) = (center, classes, cases)
    }

    /// What the server needs to know: no case is named, none told from another.
    package var means: CenterMeans {
        CenterMeans(
            center: center, classes: classes, cases: cases.count, leftOut: leftOut.count, classMeans: classMeans,
            absent: classes.indices.map { index in cases.count { $0.absent[index] } })
    }

    /// Mean Dice of each foreground class over the cases in which it has one; nil where there is none.
    package var classMeans: [Double?] {
        classes.indices.map { index in Distribution(cases.compactMap { $0.dice[index] })?.mean }
    }

    /// Mean over the foreground classes that have one; nil where none has.
    package var mean: Double? { means.mean }

    /// The row of a table.
    package var row: TextTable.CenterDice { means.row }
}

/// The mean scores of a center.
package struct CenterMeans: Codable, Sendable, Equatable {
    /// The center.
    package var center: String
    /// Foreground classes.
    package var classes: [String]
    /// Number of cases that were scored, and of those that could not be used.
    package var cases, leftOut: Int
    /// Mean Dice of each foreground class over the cases in which it has one; nil where there is none.
    package var classMeans: [Double?]
    /// Cases, class by class, in which neither truth nor prediction has it.
    package var absent: [Int]

    /// Mean over the foreground classes that have one; nil where none has.
    package var mean: Double? { Distribution(classMeans.compactMap { $0 })?.mean }

    /// The row of a table.
    package var row: TextTable.CenterDice {
        TextTable.CenterDice(
            center: center, cases: cases,
            classes: Array(zip(classes, classMeans).map { ($0, $1) }))
    }

    /// What `metrics.jsonl` says of the center.
    package var metrics: MetricsValue {
        .object([
            "cases": .integer(cases), "left_out": .integer(leftOut),
            "mean_dice": mean.map(MetricsValue.number) ?? .null,
            "dice": .object(
                Dictionary(
                    uniqueKeysWithValues: zip(classes, classMeans).map { ($0, $1.map(MetricsValue.number) ?? .null) })),
            "absent": .object(Dictionary(uniqueKeysWithValues: zip(classes, absent.map { .integer($0) }))),
        ])
    }
}

extension CenterScore {
    /// The expected calibration error over the cases that have one.
    package var expectedCalibrationError: Distribution? {
        Distribution(cases.compactMap { $0.calibration?.expectedError })
    }

    /// Brier's score over the cases that have one.
    package var brier: Distribution? { Distribution(cases.compactMap { $0.calibration?.brier }) }

    /// ``CenterMeans/metrics`` with every case.
    package var detailedMetrics: MetricsValue {
        func list(_ values: [Double?]) -> MetricsValue { .list(values.map { $0.map(MetricsValue.number) ?? .null }) }
        let rows: [MetricsValue] = cases.map { item in
            [
                "case": .text(item.name), "subject": .text(item.subject), "phase": .text(item.phase.rawValue),
                "dice": list(item.dice), "hd95_mm": list(item.measures.map(\.hausdorff95)),
                "assd_mm": list(item.measures.map(\.averageSurfaceDistance)),
                "predicted_ml": list(item.measures.map(\.predictedVolume)),
                "true_ml": list(item.measures.map(\.trueVolume)),
                "ece": item.calibration.map { .number($0.expectedError) } ?? .null,
                "brier": item.calibration.map { .number($0.brier) } ?? .null,
            ]
        }
        let function = functionQuantities.map { quantity -> MetricsValue in
            var object: [String: MetricsValue] = [
                "quantity": .text(quantity.name), "unit": .text(quantity.unit),
                "subjects": .list(quantity.pairs.map { .text($0.subject) }),
                "predicted": list(quantity.pairs.map(\.prediction)), "true": list(quantity.pairs.map(\.truth)),
            ]
            if let agreement = quantity.agreement {
                object["bias"] = .number(agreement.bias)
                object["limits"] = agreement.limits.map(MetricsValue.number) ?? .null
                object["correlation"] = agreement.correlation.map(MetricsValue.number) ?? .null
            }
            return .object(object)
        }
        return [
            "classes": .list(classes.map { .text($0) }), "summary": means.metrics, "cases": .list(rows),
            "left_out": .object(leftOut.mapValues { .text($0) }),
            "class_summary": .list(classSummaries.map(\.metrics)), "function": .list(function),
            "ece": expectedCalibrationError?.metrics ?? .null, "brier": brier?.metrics ?? .null,
        ]
    }
}
