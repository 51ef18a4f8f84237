import Tensors

/// Makes samples of images: turns slices, resamples in the plane, crops or pads around the center, clips, normalizes.
package struct Preprocessing: Sendable {
    /// What is done.
    package let settings: PreprocessingSettings

    /// - Throws: an error that names the setting out of range.
    package init(_ settings: PreprocessingSettings) throws(CardiacMRError) {
        try settings.validate()
        self.settings = settings
    }

    /// The sample of a cohort's case, labels included.
    /// - Throws: when a file cannot be read, the label's grid is another, a voxel is not finite or of no class.
    package func sample(of item: Case, in cohort: Cohort) throws(CardiacMRError) -> Sample {
        try sample(of: CaseVolumes(item, of: cohort), item, in: cohort)
    }

    /// The same, of a case that has been read.
    package func sample(of volumes: CaseVolumes, _ item: Case, in cohort: Cohort) -> Sample {
        var sample = prepared(
            volumes.image, labels: volumes.labels.labels, classes: cohort.classes.count, center: cohort.center,
            subject: item.subject, path: cohort.path(of: item.image))
        sample.phase = item.phase
        sample.warnings = volumes.warnings + sample.warnings
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
        let warnings = try CaseVolumes.check(image, path: path, center: center)
        var sample = prepared(image, labels: labels, classes: classes, center: center, subject: subject, path: path)
        sample.warnings = warnings + sample.warnings
        return sample
    }

    /// The sample of an image that has been checked.
    private func prepared(
        _ image: Volume, labels: [UInt8]?, classes: Int, center: String, subject: String, path: String
    ) -> Sample {
        precondition(labels.map { $0.count == image.grid.count } ?? true, "a label for each voxel")
        let geometry = SampleGeometry(native: image.grid, settings: settings)
        let orientation = geometry.orientation
        let labels = labels.map { orientation.turned($0, of: image.grid) }
        let image = Volume(grid: geometry.oriented, voxels: orientation.turned(image.voxels, of: image.grid))
        var warnings: [String] = []
        var values = resampled(image, geometry)
        if !normalize(&values, geometry) { warnings.append("\(path) shows one value everywhere") }
        return Sample(
            image: values, labels: labels.map { resampled($0, classes: classes, geometry) }, size: geometry.size,
            classes: classes, center: center, subject: subject, phase: nil, spacing: geometry.spacing,
            geometry: geometry, warnings: warnings)
    }
}
