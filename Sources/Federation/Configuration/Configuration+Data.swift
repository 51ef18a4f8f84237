extension Configuration {
    /// From a stored volume to the network's input. Every step can be switched off.
    package struct Preprocessing: Sendable, Equatable {
        /// Pixel size in the plane that volumes are resampled to, in mm; 0: not resampled.
        package var spacing = 1.25
        /// The percentile of a volume's intensities above which they are clipped; 100: not clipped.
        package var clipPercentile = 99.5
        /// Whether a volume's intensities are brought to mean 0 and standard deviation 1.
        package var normalize = true
        /// A folder where prepared training volumes are kept; nil: they are prepared anew by every process.
        package var cache: String?

        /// The defaults above.
        package init() {}
    }

    /// Random changes of the training volumes: each with a probability, and a range that its strength is drawn from.
    package struct Augmentation: Sendable, Equatable {
        /// One random change.
        package struct Transform: Sendable, Equatable {
            /// How likely the change is, in [0, 1].
            package var probability: Double
            /// What its strength is drawn from, uniformly.
            package var range: ClosedRange<Double>

            /// A change of a probability and a range of strengths.
            package init(probability: Double, range: ClosedRange<Double>) {
                self.probability = probability
                self.range = range
            }
        }

        /// Whether anything is changed at all.
        package var enabled = true
        /// Probability of mirroring, for each axis in the plane.
        package var mirrorProbability = 0.5
        /// Rotation in the plane, in degrees.
        package var rotation = Transform(probability: 0.5, range: -180...180)
        /// Magnification in the plane, a factor.
        package var scale = Transform(probability: 0.5, range: 0.75...1.25)
        /// Elastic deformation; the range is that of the noise's amplitude α.
        package var elastic = Transform(probability: 0.2, range: 0...1500)
        /// The width σ of the Gaussian that smooths the displacement field, in pixels.
        package var elasticSmoothing = 30.0...50.0
        /// The exponent of a gamma curve.
        package var gamma = Transform(probability: 0.3, range: 0.7...1.5)
        /// A factor on the intensities.
        package var brightness = Transform(probability: 0.3, range: 0.75...1.25)
        /// A factor on the distance of the intensities from their mean.
        package var contrast = Transform(probability: 0.3, range: 0.75...1.25)
        /// Standard deviation of Gaussian noise, in standard deviations of the volume.
        package var noise = Transform(probability: 0.2, range: 0...0.1)
        /// The width σ of a Gaussian blur, in pixels.
        package var blur = Transform(probability: 0.2, range: 0.5...1)

        /// The defaults above.
        package init() {}
    }
}
