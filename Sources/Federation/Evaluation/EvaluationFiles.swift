import Foundation

/// An evaluation as files for other programs.
package enum EvaluationFiles {
    /// A row per case and class: `cases.csv`.
    package static func cases(_ scores: [CenterScore]) -> String {
        "center,subject,phase,class,dice,hd95_mm,assd_mm,predicted_ml,true_ml\n" + rows(scores)
    }

    /// The rows of ``cases(_:)``.
    /// - Parameter texts: what each row begins with.
    package static func rows(_ scores: [CenterScore], before texts: [String] = []) -> String {
        var text = ""
        for score in scores {
            for item in score.cases {
                for (index, measures) in item.measures.enumerated() {
                    text += row(
                        texts + [score.center, item.subject, item.phase.rawValue, score.classes[index]],
                        [
                            item.dice[index], measures.hausdorff95, measures.averageSurfaceDistance,
                            measures.predictedVolume, measures.trueVolume,
                        ])
                }
            }
        }
        return text
    }

    /// A row per subject and quantity of heart function: `function.csv`.
    package static func function(_ scores: [CenterScore]) -> String {
        var text = "center,subject,quantity,unit,predicted,true\n"
        for score in scores {
            for quantity in score.functionQuantities {
                for pair in quantity.pairs {
                    text += row(
                        [score.center, pair.subject, quantity.name, quantity.unit], [pair.prediction, pair.truth])
                }
            }
        }
        return text
    }

    /// The files that ``write(_:json:to:)`` makes.
    package static let names = ["cases.csv", "function.csv", "evaluation.json"]

    /// Writes `cases.csv`, `function.csv` and `evaluation.json` to a folder, which is made where it is not there.
    package static func write(_ scores: [CenterScore], json: MetricsValue, to folder: String) throws(FederationError) {
        try DurableFile.makeFolder(folder)
        for (name, text) in zip(names, [cases(scores), function(scores), json.json + "\n"]) {
            try DurableFile.write(text.utf8, to: "\(folder)/\(name)")
        }
    }

    /// RFC 4180: texts that hold a separator are quoted. What does not exist is empty.
    private static func row(_ texts: [String], _ numbers: [Double?]) -> String {
        let quoted = texts.map { text in
            text.contains(where: { ",\"\n\r".contains($0) })
                ? "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : text
        }
        return (quoted + numbers.map { $0.map { String(format: "%.6g", $0) } ?? "" }).joined(separator: ",") + "\n"
    }
}
