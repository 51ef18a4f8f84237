internal import CZlib

/// A case as its files have it: the image, and its segmentation on the image's grid.
///
/// Reading it is the one check of a case, by which `import`, `check`, the start of a training and an evaluation judge:
/// all voxels are read; the image's are finite, the segmentation's are of the cohort's classes; sizes agree; voxels have
/// sizes that a resampling can work with.
package struct CaseVolumes: Sendable {
    /// The image's frame.
    package let image: Volume
    /// Each voxel's class, in the image's order and on its grid.
    package let labels: LabelVolume
    /// What is odd about the files but does not prevent their use: sentences that begin with a file's path.
    package let warnings: [String]
    /// Whether the segmentation says that it lies elsewhere than its image; it is taken voxel by voxel then.
    package let isContradictory: Bool

    /// Reads and checks a cohort's case.
    /// - Throws: an error that names file and voxel.
    package init(_ item: Case, of cohort: Cohort) throws(CardiacMRError) {
        let imagePath = cohort.path(of: item.image)
        let labelPath = cohort.path(of: item.label)
        let image = try NIfTI.read(imagePath, frame: item.frame ?? 0)
        let label = try NIfTI.read(labelPath, frame: item.labelFrame ?? 0)
        var warnings = try Self.check(image, path: imagePath, center: cohort.center)
        guard let alignment = GridAlignment(label.grid, on: image.grid) else {
            throw Self.unusable(
                labelPath, cohort.center,
                "it has \(Self.text(label.grid.size)) voxels, its image \(imagePath) \(Self.text(image.grid.size))",
                "give the segmentation of this image")
        }
        isContradictory = !alignment.isAgreed
        if isContradictory {
            let far = alignment.distance.isFinite ? "up to \(Self.rounded(alignment.distance)) mm" : "infinitely far"
            warnings.append(
                "\(labelPath) lies \(far) from its image; it is taken voxel by voxel, on the image's grid")
        } else if !alignment.isIdentity {
            warnings.append(
                "\(labelPath) stores its voxels in another order than its image; they were put into the image's")
        }
        let stated = item.spacing
        if (0..<3).contains(where: { abs(stated[$0] / image.grid.spacing[$0] - 1) > 0.01 }) {
            warnings.append(
                "\(imagePath) has voxels of \(Self.text(image.grid.spacing)) mm, \(Cohort.fileName) says "
                    + "\(Self.text(stated)); the image's are used")
        }
        let classes = try Self.classes(of: label, in: cohort, path: labelPath)
        labels = LabelVolume(grid: image.grid, labels: alignment.reordered(classes))
        self.image = image
        self.warnings = warnings
    }

    /// Checks an image's voxels and their sizes.
    /// - Returns: what is odd about it.
    static func check(_ image: Volume, path: String, center: String) throws(CardiacMRError) -> [String] {
        if let index = image.voxels.firstIndex(where: { !$0.isFinite }) {
            throw unusable(
                path, center, "voxel \(text(image.grid.voxel(at: index))) is \(image.voxels[index])",
                "repair the image or leave the case out")
        }
        let spacing = image.grid.spacing
        guard usableSpacings.contains(spacing.min()), usableSpacings.contains(spacing.max()) else {
            throw unusable(
                path, center, "its voxels are of \(text(spacing)) mm", "correct the image's voxel sizes and their unit")
        }
        guard plausibleSpacings.contains(spacing.min()), plausibleSpacings.contains(spacing.max()) else {
            return [
                "\(path) has voxels of \(text(spacing)) mm, which no cardiac MR has: look at sizes and unit in its header"
            ]
        }
        return []
    }

    /// Voxel sizes in mm that an image is resampled from.
    private static let usableSpacings = 1e-4...1e4
    /// Those that scanners make.
    private static let plausibleSpacings = 0.1...50.0

    /// Each voxel's class from what the label file holds.
    private static func classes(
        of label: Volume, in cohort: Cohort, path: String
    ) throws(CardiacMRError) -> [UInt8] {
        let values = cohort.labelValues ?? Array(cohort.classes.indices)
        var classOf: [Int: UInt8] = [:]
        for (index, value) in values.enumerated() { classOf[value] = UInt8(index) }
        var classes = [UInt8](repeating: 0, count: label.voxels.count)
        var last: (value: Float, label: UInt8)?
        for (index, value) in label.voxels.enumerated() {
            if let last, last.value == value {
                classes[index] = last.label
                continue
            }
            // Slope and intercept of real files leave whole numbers a rounding away.
            guard abs(value - value.rounded()) < 1e-3, let whole = Int(exactly: value.rounded()),
                let found = classOf[whole]
            else {
                throw unusable(
                    path, cohort.center,
                    "voxel \(text(label.grid.voxel(at: index))) has label \(value), which is none of "
                        + "\(values.map(String.init).joined(separator: ", ")) (\(cohort.classes.joined(separator: ", ")))",
                    "correct the segmentation, or \"classes\" and \"labelValues\" in \(Cohort.fileName)")
            }
            last = (value, found)
            classes[index] = found
        }
        return classes
    }

    /// What tells whether a case is as it was: size, voxel sizes and CRC-32 of the image's values and of the classes.
    /// The same on every machine; other bytes of the files do not matter.
    package var fingerprint: String {
        let (size, spacing) = (image.grid.size, image.grid.spacing)
        let values = image.voxels.withUnsafeBytes { Self.checksum($0) }
        let classes = labels.labels.withUnsafeBytes { Self.checksum($0) }
        return "\(size.x)x\(size.y)x\(size.z) voxels of \(spacing.x)x\(spacing.y)x\(spacing.z) mm, image \(values), "
            + "labels \(classes)"
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> String {
        let start = crc32_z(0, nil, 0)
        let value = crc32_z(start, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func unusable(
        _ path: String, _ center: String, _ reason: String, _ remedy: String
    ) -> CardiacMRError {
        CardiacMRError(
            attempted: "use", subject: path + (center.isEmpty ? "" : " of center \(center)"), reason: reason,
            remedy: remedy)
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded(.down) / 10 }

    private static func text<Value>(_ triple: SIMD3<Value>) -> String { "(\(triple.x), \(triple.y), \(triple.z))" }
}
