import ArgumentParser
import CardiacMR
import Federation
import Foundation

/// `fedcrld score`: a segmentation against another of the same image.
struct Score: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare two segmentations of one image: Dice, distances, volumes.",
        discussion: """
            The files hold whole numbers from 0 to 255, 0 the background; every other number that one of them holds is a \
            class. Distances are in mm, on the truth's grid: a prediction whose axes run in another order or direction is \
            put into the truth's.

              fedcrld score --prediction segmentation.nii.gz --truth manual.nii.gz
            """)

    @Option(help: .init("The segmentation to judge, NIfTI.", valueName: "file"))
    var prediction: String
    @Option(help: .init("The segmentation that counts as true, NIfTI.", valueName: "file"))
    var truth: String
    @Option(help: .init("The frame of a 4-D prediction, from 0.", valueName: "number"))
    var frame = 0
    @Option(name: .customLong("truth-frame"), help: .init("The frame of a 4-D truth, from 0.", valueName: "number"))
    var truthFrame = 0
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var ours = try labels(prediction, frame: frame)
        let theirs = try labels(truth, frame: truthFrame)
        guard let alignment = GridAlignment(ours.grid, on: theirs.grid) else {
            func text(_ size: SIMD3<Int>) -> String { "\(size.x) × \(size.y) × \(size.z)" }
            throw FederationError(
                attempted: "compare", subject: "\(prediction) with \(truth)",
                reason: "they have \(text(ours.grid.size)) and \(text(theirs.grid.size)) voxels",
                remedy: "give two segmentations of one image")
        }
        ours = LabelVolume(grid: theirs.grid, labels: alignment.reordered(ours.labels))
        if !alignment.isAgreed {
            Messages.warn(
                "\(prediction) and \(truth) say that they lie in different places; they are compared voxel by voxel, "
                    + "with the truth's voxel sizes")
        }
        let largest = max(ours.labels.max() ?? 0, theirs.labels.max() ?? 0)
        let counts = SegmentationCounts(
            prediction: ours.labels, truth: theirs.labels, classes: Int(largest) + 1)
        let classes = (1..<max(1, Int(largest) + 1)).filter { counts.predicted[$0] + counts.actual[$0] > 0 }
        let rows = classes.map {
            (
                label: $0, dice: counts.dice($0), measures: ClassMeasures(UInt8($0), prediction: ours, truth: theirs),
                hausdorff: SurfaceDistances(
                    prediction: ours.labels, truth: theirs.labels, label: UInt8($0), size: theirs.grid.size,
                    spacing: theirs.grid.spacing)?.hausdorff
            )
        }
        if json {
            func number(_ value: Double?) -> MetricsValue { value.map(MetricsValue.number) ?? .null }
            return try Console.json([
                "classes": .list(
                    rows.map {
                        [
                            "label": .integer($0.label), "dice": number($0.dice), "hd_mm": number($0.hausdorff),
                            "hd95_mm": number($0.measures.hausdorff95),
                            "assd_mm": number($0.measures.averageSurfaceDistance),
                            "predicted_ml": .number($0.measures.predictedVolume),
                            "true_ml": .number($0.measures.trueVolume),
                        ]
                    })
            ])
        }
        var table = TextTable(
            columns: ["label", "Dice", "HD mm", "HD95 mm", "ASSD mm", "predicted ml", "true ml"].map { .init($0) })
        func text(_ value: Double?, _ digits: Int) -> String {
            value.map { String(format: "%.\(digits)f", $0) } ?? "-"
        }
        for row in rows {
            table.append([
                String(row.label), text(row.dice, 3), text(row.hausdorff, 2), text(row.measures.hausdorff95, 2),
                text(row.measures.averageSurfaceDistance, 2), text(row.measures.predictedVolume, 2),
                text(row.measures.trueVolume, 2),
            ])
        }
        try Console.print(table.rendered(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
    }

    /// A segmentation file's labels.
    private func labels(_ path: String, frame: Int) throws -> LabelVolume {
        let volume = try NIfTI.read(path, frame: frame)
        let labels = try volume.voxels.enumerated().map { index, value -> UInt8 in
            // Slope and intercept of real files leave whole numbers a rounding away.
            guard let label = UInt8(exactly: value.rounded()), abs(value - value.rounded()) < 1e-3 else {
                throw FederationError(
                    attempted: "use", subject: path,
                    reason: "voxel \(index) has the value \(value), no whole number from 0 to 255",
                    remedy: "give a segmentation, not an image")
            }
            return label
        }
        return LabelVolume(grid: volume.grid, labels: labels)
    }
}
