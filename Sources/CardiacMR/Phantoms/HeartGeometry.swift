#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// The measures of a subject's heart at one phase, in mm. The axis runs from the base (0) to the apex (`length`).
package struct HeartMeasures: Equatable, Sendable {
    /// Radius of the left ventricle's cavity at mid level and where it ends at the apex.
    package var radius, apexRadius: Double
    /// Thickness of its wall at mid level.
    package var wall: Double
    /// Length of its cavity along the axis.
    package var length: Double
    /// How far the base has moved towards the apex since end diastole.
    package var baseShift: Double
    /// Area of the right ventricle's cavity at mid level, in mm².
    package var rightArea: Double
    /// Where along the left cavity (0 base, 1 apex) the right one ends.
    package var rightEnd: Double
}

/// A subject's heart: its measures at both phases and what does not change between them.
package struct HeartGeometry: Equatable, Sendable {
    /// The heart's measures at both ends of the cycle.
    package var endDiastole, endSystole: HeartMeasures
    /// Fraction of the left ventricle's blood that a beat ejects.
    package var ejectionFraction: Double
    /// Where the right ventricle is seen from the left: an angle, clockwise from the image's x axis.
    var rightAngle: Double
    /// Amplitude (fraction of the radius) and phase of the contours' second to fourth harmonic.
    var harmonics: [(amplitude: Double, phase: Double)]
    /// Amplitude and phase of the first two harmonics of the wall's thickness.
    var wallHarmonics: [(amplitude: Double, phase: Double)]
    /// Shift of the axis in the image per mm along it: the scan plane is not exactly perpendicular.
    var tilt: SIMD2<Double>
    /// Angles of the two papillary muscles.
    var papillaryAngles: [Double]
    var infarct: Infarct?

    /// The measures at a phase.
    package func measures(at phase: Phase) -> HeartMeasures { phase == .endDiastole ? endDiastole : endSystole }

    package static func == (a: HeartGeometry, b: HeartGeometry) -> Bool {
        a.endDiastole == b.endDiastole && a.endSystole == b.endSystole && a.ejectionFraction == b.ejectionFraction
    }

    /// Draws a heart from the distributions measured on public data sets.
    /// - Parameter sliceSpacing: in mm; the right ventricle's end is known in slices.
    init(random: inout RandomStream, sliceSpacing: Double, infarctProbability: Double) {
        let size = random.normal().clamped(to: -2...2.5)
        let radius = (26.5 + 4.8 * size).clamped(to: 17...39)
        // Dilated ventricles eject less: the correlation that the spread of end-systolic radii (±7) implies.
        let ejection = (0.46 + 0.2 * (-0.6 * size + 0.8 * random.normal())).clamped(to: 0.10...0.82)
        let wall = random.normal(8.4, 2.2, in: 4...16)
        // Where the cavity ends; the last slice, above it, shows 10 ± 4.5 mm.
        let apexRadius = min(random.normal(4, 4, in: 1...16), 0.6 * radius)
        let length = random.normal(86 + 0.8 * (radius - 26.5), 9, in: 60...125)
        // Lognormal of mean 1 and standard deviation 0.6, and what labels lose of thin crescents.
        let rightRatio = 1.22 * exp(-0.154 + 0.555 * random.normal()).clamped(to: 0.25...2.8)
        let missing = random.normal(1.4, 1.2, in: 0...4) * sliceSpacing / length
        let diastole = HeartMeasures(
            radius: radius, apexRadius: apexRadius, wall: wall, length: length, baseShift: 0,
            rightArea: rightRatio * .pi * radius * radius, rightEnd: (1 - missing).clamped(to: 0.65...1))

        // The base descends; the rest of the ejected volume is radial.
        let shortening = 0.2 * ejection
        let radial = ((1 - ejection) / (1 - shortening)).squareRoot()
        let systolicRadius = radius * radial
        // Muscle keeps its volume; trabeculae, compacted, are seen as wall (+18 %).
        let muscle = (pow(radius + wall, 2) - radius * radius) * 1.18 / (1 - shortening)
        let rightEjection = (0.22 + 0.5 * (ejection - 0.46) + 0.1 * random.normal()).clamped(to: 0.05...0.6)
        var systole = diastole
        systole.radius = systolicRadius
        systole.apexRadius = apexRadius * radial
        systole.wall = min((systolicRadius * systolicRadius + muscle).squareRoot() - systolicRadius, 26)
        systole.length = length * (1 - shortening)
        systole.baseShift = length * shortening
        systole.rightArea = diastole.rightArea * (1 - rightEjection)
        endDiastole = diastole
        endSystole = systole
        ejectionFraction = ejection

        rightAngle = .pi + random.normal(0.15, 0.25, in: -0.5...0.8)
        harmonics = [0.035, 0.02, 0.012].map { (abs(random.normal()) * $0, random.uniform(in: 0...(2 * .pi))) }
        wallHarmonics = [0.10, 0.06].map { (abs(random.normal()) * $0, random.uniform(in: 0...(2 * .pi))) }
        tilt = [random.normal(0, 0.12, in: -0.3...0.3), random.normal(0, 0.12, in: -0.3...0.3)]
        papillaryAngles = [
            rightAngle + random.normal(2.2, 0.2, in: 1.7...2.7), rightAngle - random.normal(1.9, 0.2, in: 1.4...2.4),
        ]
        infarct = random.chance(infarctProbability) ? Infarct(random: &random) : nil
    }
}

/// Where the wall is scarred: a part of an ellipse in angle and level, from the cavity outwards.
struct Infarct: Sendable {
    var angle, halfWidth: Double
    var level, halfLength: Double
    /// Fraction of the wall that is scarred at the center.
    var transmurality: Double
    /// Whether its core has no reflow.
    var hasNoReflow: Bool

    init(random: inout RandomStream) {
        angle = random.uniform(in: 0...(2 * .pi))
        halfWidth = random.uniform(in: 0.5...1.5)
        level = random.uniform(in: 0.3...0.85)
        halfLength = random.uniform(in: 0.25...0.5)
        transmurality = random.uniform(in: 0.4...1.1)
        hasNoReflow = random.chance(0.4)
    }

    /// 1 at its center, 0 at its border, negative outside.
    func closeness(angle other: Double, level otherLevel: Double) -> Double {
        let turn = remainder(other - angle, 2 * .pi) / halfWidth
        let along = (otherLevel - level) / halfLength
        return 1 - turn * turn - along * along
    }
}
