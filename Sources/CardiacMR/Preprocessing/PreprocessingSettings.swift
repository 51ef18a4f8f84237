/// How an image becomes what the network sees. Every step can be switched off.
package struct PreprocessingSettings: Codable, Equatable, Sendable {
    /// Which way round slices are seen.
    package enum Orientation: String, Codable, CaseIterable, Sendable {
        /// Columns to the patient's left, rows down, where the header tells; see ``PlaneOrientation``.
        case canonical
        /// As the file has them.
        case stored
    }

    /// Which way round slices are seen.
    package var orientation = Orientation.stored
    /// In-plane pixel size to resample to, in mm; nil leaves the pixels as they are. Slices are never resampled.
    package var spacing: Double? = 1.25
    /// Rows to crop or pad to, around the image's center; nil keeps all.
    package var height: Int? = 200
    /// Columns, likewise.
    package var width: Int? = 200
    /// Slices, likewise.
    package var depth: Int?
    /// Values above this percentile are set to it; nil leaves them.
    package var clipPercentile: Double? = 99.5
    /// Whether to subtract the mean and divide by the standard deviation.
    package var normalizes: Bool = true

    /// What ``spacing`` may be, in mm.
    package static let spacings = 0.1...20.0
    /// What ``clipPercentile`` may be.
    package static let clipPercentiles = 50.0...100.0

    /// Settings; nil switches a step off.
    package init(
        orientation: Orientation = .stored, spacing: Double? = 1.25, height: Int? = 200, width: Int? = 200,
        depth: Int? = nil, clipPercentile: Double? = 99.5, normalizes: Bool = true
    ) {
        self.orientation = orientation
        self.spacing = spacing
        self.height = height
        self.width = width
        self.depth = depth
        self.clipPercentile = clipPercentile
        self.normalizes = normalizes
    }

    /// - Throws: an error that names the first setting out of range.
    package func validate() throws(CardiacMRError) {
        func invalid(_ name: String, _ value: Any, _ remedy: String) -> CardiacMRError {
            CardiacMRError(
                attempted: "preprocess with", subject: "\(name) = \(value)", reason: "it is out of range",
                remedy: remedy)
        }
        if let spacing, !Self.spacings.contains(spacing) { throw invalid("spacing", spacing, "choose 0.1 to 20 mm") }
        for (name, size) in [("height", height), ("width", width), ("depth", depth)] {
            if let size, !(1...4096).contains(size) { throw invalid(name, size, "choose 1 to 4096") }
        }
        if let clipPercentile, !Self.clipPercentiles.contains(clipPercentile) {
            throw invalid("clipPercentile", clipPercentile, "choose 50 to 100")
        }
    }
}
