/// How often and how far samples are changed for training.
package struct AugmentationSettings: Equatable, Sendable {
    /// One random change.
    package struct Transform: Sendable, Equatable {
        /// How likely the change is, in [0, 1]; 0 switches it off.
        package var probability: Double
        /// What its strength is drawn from, uniformly.
        package var range: ClosedRange<Double>

        /// A change of a probability and a range of strengths.
        package init(probability: Double, range: ClosedRange<Double>) {
            self.probability = probability
            self.range = range
        }
    }

    /// Probability of mirroring the rows, and independently the columns.
    package var mirrorProbability = 0.5
    /// Rotation in the plane, in degrees.
    package var rotation = Transform(probability: 0.5, range: -180...180)
    /// Magnification in the plane, a factor.
    package var scale = Transform(probability: 0.5, range: 0.75...1.25)
    /// Displacement by noise of so many pixels, before it is smoothed.
    package var elastic = Transform(probability: 0.2, range: 0...1500)
    /// The deviation in pixels of the Gaussian that smooths it.
    package var elasticSmoothing = 30.0...50.0
    /// The exponent of a gamma curve.
    package var gamma = Transform(probability: 0.3, range: 0.7...1.5)
    /// A factor of all values.
    package var brightness = Transform(probability: 0.3, range: 0.75...1.25)
    /// A factor of the values' distance from their mean.
    package var contrast = Transform(probability: 0.3, range: 0.75...1.25)
    /// Standard deviation of the noise; the image's own is about 1.
    package var noise = Transform(probability: 0.2, range: 0...0.1)
    /// Deviation of a Gaussian blur, in pixels.
    package var blur = Transform(probability: 0.2, range: 0.5...1)

    /// The settings above.
    package init() {}

    /// A random change as a user meets it.
    package struct Description: Sendable {
        /// Its name in the configuration.
        package let name: String
        /// Where it is.
        package let path: WritableKeyPath<AugmentationSettings, Transform> & Sendable
        /// What its range lies within.
        package let bounds: ClosedRange<Double>
        /// What it is: "a rotation".
        package let title: String
        /// What its strength is: "Its angle in degrees".
        package let strength: String
    }

    /// All random changes but mirroring, in the order of documentation.
    package static let transforms = [
        Description(
            name: "rotation", path: \.rotation, bounds: -180...180, title: "a rotation",
            strength: "Its angle in degrees"),
        Description(
            name: "scale", path: \.scale, bounds: 0.1...10, title: "a change of scale",
            strength: "Magnification in the plane"),
        Description(
            name: "elastic", path: \.elastic, bounds: 0...10_000, title: "elastic deformation",
            strength: "Amplitude in pixels of its noise"),
        Description(
            name: "gamma", path: \.gamma, bounds: 0.1...10, title: "a gamma curve", strength: "Its exponent"),
        Description(
            name: "brightness", path: \.brightness, bounds: 0.1...10, title: "a change of brightness",
            strength: "Factor of the intensities"),
        Description(
            name: "contrast", path: \.contrast, bounds: 0.1...10, title: "a change of contrast",
            strength: "Factor of the contrast"),
        Description(
            name: "noise", path: \.noise, bounds: 0...10, title: "Gaussian noise",
            strength: "Its standard deviation, where a normalized volume has 1"),
        Description(
            name: "blur", path: \.blur, bounds: 0.1...10, title: "a Gaussian blur", strength: "Its width in pixels"),
    ]

    /// A random change by its name, which is one of ``transforms``.
    package subscript(name: String) -> Transform {
        get { self[keyPath: Self.path(of: name)] }
        set { self[keyPath: Self.path(of: name)] = newValue }
    }

    private static func path(of name: String) -> WritableKeyPath<AugmentationSettings, Transform> {
        guard let found = transforms.first(where: { $0.name == name }) else {
            preconditionFailure("there is no random change \(name)")
        }
        return found.path
    }

    /// What the smoothing's range lies within.
    package static let smoothingBounds = 2.0...1000.0

    /// Changes nothing.
    package static var none: AugmentationSettings {
        var settings = AugmentationSettings()
        settings.mirrorProbability = 0
        for transform in transforms { settings[keyPath: transform.path].probability = 0 }
        return settings
    }

    /// - Throws: an error that names the first setting out of range.
    package func validate() throws(CardiacMRError) {
        func check(_ name: String, _ value: Any, _ isGood: Bool, _ remedy: String) throws(CardiacMRError) {
            guard !isGood else { return }
            throw CardiacMRError(
                attempted: "augment with", subject: "\(name) = \(value)", reason: "it is out of range", remedy: remedy)
        }
        func check(_ name: String, probability: Double) throws(CardiacMRError) {
            try check(name, probability, (0...1).contains(probability), "choose a probability from 0 to 1")
        }
        func check(
            _ name: String, range: ClosedRange<Double>, within allowed: ClosedRange<Double>
        ) throws(CardiacMRError) {
            let isGood = allowed.contains(range.lowerBound) && allowed.contains(range.upperBound)
            try check(name, range, isGood, "choose a range within \(allowed)")
        }
        try check("mirror.probability", probability: mirrorProbability)
        try check("elastic.smoothing", range: elasticSmoothing, within: Self.smoothingBounds)
        for transform in Self.transforms {
            let value = self[keyPath: transform.path]
            try check("\(transform.name).probability", probability: value.probability)
            try check("\(transform.name).range", range: value.range, within: transform.bounds)
        }
    }
}
