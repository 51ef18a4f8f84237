/// How a center's scanner and protocol show a heart.
package struct CenterProfile: Equatable, Sendable {
    /// What kind of images a center makes.
    package enum Sequence: String, Sendable {
        /// Cine: end diastole and end systole.
        case balancedSteadyState = "bSSFP"
        /// Late gadolinium enhancement, phase sensitive: one phase, infarct and no-reflow labelled, the right ventricle
        /// not.
        case phaseSensitiveEnhancement = "LGE-PSIR"
        /// Late gadolinium enhancement, magnitude: one phase; scar is part of the myocardium.
        case magnitudeEnhancement = "LGE-magnitude"

        /// Classes by label.
        package var classes: [String] {
            self == .phaseSensitiveEnhancement
                ? ["background", "LV", "MYO", "infarct", "no-reflow"] : ["background", "LV", "MYO", "RV"]
        }

        /// The phases that are imaged.
        package var phases: [Phase] { self == .balancedSteadyState ? [.endDiastole, .endSystole] : [.endDiastole] }
    }

    /// A quantity's mean and standard deviation between subjects.
    package struct Spread: Equatable, Sendable {
        /// Mean and standard deviation.
        package var mean, deviation: Double

        /// A normal distribution.
        package init(_ mean: Double, _ deviation: Double) {
            self.mean = mean
            self.deviation = deviation
        }
    }

    /// Who made the scanner.
    package var vendor: String
    /// What the scans are.
    package var sequence: Sequence
    /// Mean over the labelled voxels, as a fraction of the volume's 99.5th percentile.
    package var leftBlood, myocardium, rightBlood: Spread
    /// Likewise, in late enhancement.
    package var scar, noReflow: Double
    /// Median and 95th percentile of everything but the heart, as a fraction of the volume's 99.5th percentile.
    package var surroundMedian, surroundHigh: Double
    /// Standard deviation of the noise in each channel, likewise.
    package var noise: Double
    /// Mean width of the field of view in mm.
    package var fieldOfView: Double
    /// Slice spacing in mm.
    package var sliceSpacing: ClosedRange<Double>
    /// The 99.5th percentile in the scanner's units.
    package var rawScale: Double
}
