/// How often and how far samples are changed for training. A probability of 0 switches a step off.
package struct AugmentationSettings: Codable, Equatable, Sendable {
    /// Of mirroring the rows, and independently the columns.
    package var mirrorProbability: Double = 0.5
    package var rotationProbability: Double = 0.5
    /// The angle in degrees.
    package var rotation: ClosedRange<Double> = -180...180
    package var scalingProbability: Double = 0.3
    /// Smallest and largest magnification.
    package var scaling: ClosedRange<Double> = 0.75...1.25
    /// Of a displacement by smoothed noise: of `elasticStrength` pixels before it is smoothed by a Gaussian whose
    /// deviation is `elasticSmoothing` pixels.
    package var elasticProbability: Double = 0.2
    package var elasticSmoothing: ClosedRange<Double> = 30...50
    package var elasticStrength: ClosedRange<Double> = 0...1500
    package var gammaProbability: Double = 0.2
    package var gamma: ClosedRange<Double> = 0.7...1.5
    package var brightnessProbability: Double = 0.2
    /// Factor of all values.
    package var brightness: ClosedRange<Double> = 0.75...1.25
    package var contrastProbability: Double = 0.2
    /// Factor of the values' distance from their mean.
    package var contrast: ClosedRange<Double> = 0.75...1.25
    package var noiseProbability: Double = 0.15
    /// Standard deviation of the noise; the image's own is about 1.
    package var noise: ClosedRange<Double> = 0...0.1
    package var blurProbability: Double = 0.15
    /// Deviation of the Gaussian in pixels.
    package var blur: ClosedRange<Double> = 0.5...1

    package init() {}

    /// Changes nothing.
    package static var none: AugmentationSettings {
        var settings = AugmentationSettings()
        for probability in probabilities { settings[keyPath: probability.path] = 0 }
        return settings
    }

    private static var probabilities: [(name: String, path: WritableKeyPath<AugmentationSettings, Double>)] {
        [
            ("mirrorProbability", \.mirrorProbability), ("rotationProbability", \.rotationProbability),
            ("scalingProbability", \.scalingProbability), ("elasticProbability", \.elasticProbability),
            ("gammaProbability", \.gammaProbability), ("brightnessProbability", \.brightnessProbability),
            ("contrastProbability", \.contrastProbability), ("noiseProbability", \.noiseProbability),
            ("blurProbability", \.blurProbability),
        ]
    }

    /// - Throws: an error that names the first setting out of range.
    package func validate() throws(CardiacMRError) {
        func check(_ name: String, _ value: Any, _ isGood: Bool, _ remedy: String) throws(CardiacMRError) {
            guard !isGood else { return }
            throw CardiacMRError(
                attempted: "augment with", subject: "\(name) = \(value)", reason: "it is out of range", remedy: remedy)
        }
        for (name, path) in Self.probabilities {
            let value = self[keyPath: path]
            try check(name, value, (0...1).contains(value), "choose a probability from 0 to 1")
        }
        for (name, range, allowed) in [
            ("rotation", rotation, -180...180), ("scaling", scaling, 0.1...10),
            ("elasticSmoothing", elasticSmoothing, 2...1000), ("elasticStrength", elasticStrength, 0...1e5),
            ("gamma", gamma, 0.1...10), ("brightness", brightness, 0...10), ("contrast", contrast, 0...10),
            ("noise", noise, 0...10), ("blur", blur, 0.1...10),
        ] {
            let isGood = allowed.contains(range.lowerBound) && allowed.contains(range.upperBound)
            try check(name, range, isGood, "choose a range within \(allowed)")
        }
    }
}
