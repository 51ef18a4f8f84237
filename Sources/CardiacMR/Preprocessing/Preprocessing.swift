import Tensors

/// Makes samples of images: resamples in the plane, crops or pads around the center, clips, normalizes.
package struct Preprocessing: Sendable {
    package let settings: PreprocessingSettings

    /// - Throws: an error that names the setting out of range.
    package init(_ settings: PreprocessingSettings) throws(CardiacMRError) {
        try settings.validate()
        self.settings = settings
    }

    /// The sample of a cohort's case, labels included.
    /// - Throws: when a file cannot be read, the label's grid is another, a voxel is not finite or of no class.
    package func sample(of item: Case, in cohort: Cohort) throws(CardiacMRError) -> Sample {
        let imagePath = cohort.path(of: item.image)
        let labelPath = cohort.path(of: item.label)
        let image = try NIfTI.read(imagePath, frame: item.frame ?? 0)
        let label = try NIfTI.read(labelPath, frame: item.labelFrame ?? 0)
        guard image.grid.size == label.grid.size else {
            throw use(
                cohort.center, labelPath,
                "it has \(Self.text(label.grid.size)) voxels, its image \(imagePath) \(Self.text(image.grid.size))",
                "give the segmentation of this image")
        }
        var warnings: [String] = []
        let apart = image.grid.affine.largestDistance(to: label.grid.affine, over: image.grid.size)
        if apart > 0.5 * image.grid.spacing.min() {
            let distance = Double(Int(apart * 10)) / 10
            warnings.append("\(labelPath) lies up to \(distance) mm from its image; the image's position is used")
        }
        let stated = item.spacing
        if (0..<3).contains(where: { abs(stated[$0] / image.grid.spacing[$0] - 1) > 0.01 }) {
            warnings.append(
                "\(imagePath) has voxels of \(Self.text(image.grid.spacing)) mm, \(Cohort.fileName) says "
                    + "\(Self.text(stated)); the image's are used")
        }
        let classes = try self.classes(of: label, in: cohort, path: labelPath)
        var sample = try sample(
            of: image, labels: classes, classes: cohort.classes.count, center: cohort.center, subject: item.subject,
            path: imagePath)
        sample.phase = item.phase
        sample.warnings = warnings + sample.warnings
        return sample
    }

    /// The sample of an image file alone, for prediction.
    package func sample(
        ofImage path: String, frame: Int = 0, center: String, classes: Int
    ) throws(CardiacMRError) -> Sample {
        let image = try NIfTI.read(path, frame: frame)
        return try sample(of: image, labels: nil, classes: classes, center: center, subject: path, path: path)
    }

    /// The sample of an image in memory.
    /// - Parameters:
    ///   - labels: each voxel's class, below `classes`, in the image's order.
    ///   - path: what errors call the image.
    package func sample(
        of image: Volume, labels: [UInt8]?, classes: Int, center: String, subject: String, path: String
    ) throws(CardiacMRError) -> Sample {
        precondition(labels.map { $0.count == image.grid.count } ?? true, "a label for each voxel")
        if let index = image.voxels.firstIndex(where: { !$0.isFinite }) {
            throw use(
                center, path, "voxel \(Self.text(image.grid.voxel(at: index))) is \(image.voxels[index])",
                "repair the image or leave the case out")
        }
        let geometry = SampleGeometry(native: image.grid, settings: settings)
        var warnings: [String] = []
        var values = resampled(image, geometry)
        if !normalize(&values, geometry) { warnings.append("\(path) shows one value everywhere") }
        return Sample(
            image: values, labels: labels.map { resampled($0, classes: classes, geometry) }, size: geometry.size,
            classes: classes, center: center, subject: subject, phase: nil, spacing: geometry.spacing,
            geometry: geometry, warnings: warnings)
    }

    /// Each voxel's class from what the label file holds.
    func classes(
        of label: Volume, in cohort: Cohort, path: String
    ) throws(CardiacMRError) -> [UInt8] {
        let values = cohort.labelValues ?? Array(cohort.classes.indices)
        let classOf = Dictionary(uniqueKeysWithValues: values.enumerated().map { (Float($1), UInt8($0)) })
        var classes = [UInt8](repeating: 0, count: label.voxels.count)
        var last: (value: Float, label: UInt8)?
        for (index, value) in label.voxels.enumerated() {
            if let last, last.value == value {
                classes[index] = last.label
                continue
            }
            // Slope and intercept of real files leave whole numbers a rounding away.
            guard let found = classOf[value] ?? classOf[value.rounded()], abs(value - value.rounded()) < 1e-3 else {
                throw use(
                    cohort.center, path,
                    "voxel \(Self.text(label.grid.voxel(at: index))) has label \(value), which is none of "
                        + "\(values.map(String.init).joined(separator: ", ")) (\(cohort.classes.joined(separator: ", ")))",
                    "correct the segmentation, or \"classes\" and \"labelValues\" in \(Cohort.fileName)")
            }
            last = (value, found)
            classes[index] = found
        }
        return classes
    }

    private func use(_ center: String, _ path: String, _ reason: String, _ remedy: String) -> CardiacMRError {
        CardiacMRError(attempted: "use", subject: "\(path) of center \(center)", reason: reason, remedy: remedy)
    }

    private static func text<Value>(_ triple: SIMD3<Value>) -> String { "(\(triple.x), \(triple.y), \(triple.z))" }
}
