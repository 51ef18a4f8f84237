/// The size of a sample: slices, rows, columns.
package struct SampleSize: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// Slices, rows and columns.
    package var depth, height, width: Int

    /// A size in voxels.
    package init(depth: Int, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Number of voxels.
    package var count: Int { depth * height * width }
    package var description: String { "\(depth)x\(height)x\(width)" }
}

/// One preprocessed volume: what a step of training, a validation or a prediction takes.
package struct Sample: Equatable, Sendable {
    /// Values (D, H, W), W fastest.
    package var image: [Float]
    /// Classes in the same order; nil where the truth is unknown.
    package var labels: [UInt8]?
    /// Its extent.
    package var size: SampleSize
    /// Number of classes, the background included.
    package var classes: Int
    /// Whose it is.
    package var center: String
    /// Who it shows.
    package var subject: String
    /// nil for an image that is only to be predicted.
    package var phase: Phase?
    /// Voxel sizes (x, y, z) in mm.
    package var spacing: SIMD3<Double>
    /// How to map a prediction back to the image.
    package var geometry: SampleGeometry
    /// What was odd about the files but did not prevent their use.
    package var warnings: [String] = []
}

extension Sample {
    /// A sample that was prepared before; size and spacing are the geometry's.
    package init(
        image: [Float], labels: [UInt8]?, classes: Int, center: String, subject: String, phase: Phase?,
        geometry: SampleGeometry, warnings: [String]
    ) {
        precondition(image.count == geometry.size.count, "a value for each voxel")
        self.init(
            image: image, labels: labels, size: geometry.size, classes: classes, center: center, subject: subject,
            phase: phase, spacing: geometry.spacing, geometry: geometry, warnings: warnings)
    }
}
