import CardiacMR

/// A quantity of heart function, measured on predictions and on the truth of a center's subjects.
package struct FunctionQuantity: Sendable {
    /// What it is: `"LV ejection fraction"`.
    package let name: String
    /// Its unit: ml, % or g.
    package let unit: String
    /// Prediction and truth of each subject that has the phases it takes.
    package let pairs: [(subject: String, prediction: Double, truth: Double)]

    /// Bias, limits of agreement and correlation over the subjects; nil without subjects.
    package var agreement: Agreement? {
        Agreement(prediction: pairs.map(\.prediction), truth: pairs.map(\.truth))
    }
}

extension CenterScore {
    /// Volumes at end diastole and end systole and the ejection fraction of either ventricle, and the myocardial mass at
    /// end diastole (1.05 g/ml), as far as the center has these classes and phases; for scores with measures.
    ///
    /// Classes are known by their names: LV, RV, MYO. Where infarct and no-reflow are classes of their own, they are
    /// myocardium, too.
    package var functionQuantities: [FunctionQuantity] {
        var quantities: [FunctionQuantity] = []
        for ventricle in ["LV", "RV"] where classes.contains(ventricle) {
            let diastole = volumes(of: [ventricle], at: .endDiastole)
            let systole = volumes(of: [ventricle], at: .endSystole)
            quantities.append(.init(name: "\(ventricle) end-diastolic volume", unit: "ml", pairs: diastole))
            quantities.append(.init(name: "\(ventricle) end-systolic volume", unit: "ml", pairs: systole))
            let fractions = diastole.compactMap { full -> (subject: String, prediction: Double, truth: Double)? in
                guard let small = systole.first(where: { $0.subject == full.subject }),
                    let prediction = CardiacFunction.ejectionFraction(
                        endDiastolic: full.prediction, endSystolic: small.prediction),
                    let truth = CardiacFunction.ejectionFraction(endDiastolic: full.truth, endSystolic: small.truth)
                else { return nil }
                return (full.subject, 100 * prediction, 100 * truth)
            }
            quantities.append(.init(name: "\(ventricle) ejection fraction", unit: "%", pairs: fractions))
        }
        if classes.contains("MYO") {
            let muscle = volumes(of: ["MYO", "infarct", "no-reflow"], at: .endDiastole)
            quantities.append(
                .init(
                    name: "myocardial mass", unit: "g",
                    pairs: muscle.map {
                        (
                            $0.subject, CardiacFunction.mass(ofVolume: $0.prediction),
                            CardiacFunction.mass(ofVolume: $0.truth)
                        )
                    }))
        }
        return quantities.filter { !$0.pairs.isEmpty }
    }

    private func volumes(
        of names: [String], at phase: CardiacMR.Phase
    ) -> [(subject: String, prediction: Double, truth: Double)] {
        let labels = classes.indices.filter { names.contains(classes[$0]) }
        return cases.filter { $0.phase == phase && !$0.measures.isEmpty }.map { item in
            (
                item.subject, labels.reduce(0) { $0 + item.measures[$1].predictedVolume },
                labels.reduce(0) { $0 + item.measures[$1].trueVolume }
            )
        }
    }
}
