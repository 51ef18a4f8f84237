#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// A simulated subject of a center: everything that its images are made from. A function of (seed, center, subject).
package struct PhantomSubject: Sendable {
    /// The center that scans it.
    package let profile: CenterProfile
    /// Its heart.
    package let heart: HeartGeometry
    /// The grid of its images.
    package let grid: Grid

    let thorax: Thorax
    /// Brightness of blood and muscle averaged over their labels, as fractions of the 99.5th percentile.
    let leftBlood, myocardium, rightBlood: Double
    let surroundMedian: Double
    let surroundHigh: Double
    let rawScale: Double
    /// mm from the base's place at end diastole to each slice's middle, towards the apex.
    let sliceDepths: [Double]
    /// mm along which a slice averages; the rest of the spacing is a gap.
    let sliceThickness: Double
    /// The heart's axis in the image at mid level, in mm from the image's center.
    let axis: SIMD2<Double>
    /// Where the breath has moved the heart in each slice, in mm.
    let motion: [SIMD2<Double>]
    let leftInflow, rightInflow, muscleVariation: [Double]
    let bias: BiasField
    /// Amplitude and order of the ghosts along the rows' direction.
    let ghost: (amplitude: Float, order: Int)
    let textureKey: UInt64
    private let noiseKey: UInt64

    /// - Parameters:
    ///   - center, subject: counted from 0.
    package init(settings: PhantomSettings, center: Int, subject: Int) {
        let profile = CenterProfile.profile(
            ofCenter: center, heterogeneity: settings.heterogeneity, seed: settings.seed)
        self.profile = profile
        let isPhaseSensitive = profile.sequence == .phaseSensitiveEnhancement
        var random = RandomStream(seed: settings.seed, purpose: "phantom anatomy", center, subject)

        let spacing = random.uniform(in: profile.sliceSpacing)
        let isEnhanced = profile.sequence != .balancedSteadyState
        heart = HeartGeometry(
            random: &random, sliceSpacing: spacing, infarctProbability: isEnhanced ? 0.67 : 0)
        // Large hearts are in large bodies.
        let typical = profile.fieldOfView * (1 + 0.045 * (heart.endDiastole.radius - 26.5) / 4.8)
        let fieldOfView = random.normal(typical, 0.045 * typical, in: 240...520)
        thorax = Thorax(random: &random, fieldOfView: Float(fieldOfView))

        // The stack covers the heart and up to three slices more, as scans are planned; where the wanted number of
        // slices does not allow the profile's spacing, the spacing gives way.
        let covered = heart.endDiastole.length + 0.7 * heart.endDiastole.wall
        let slices = Double(settings.depth)
        let step = min(max(spacing, covered / slices), (covered + 3 * spacing) / slices)
        let above = (slices * step - covered) * random.uniform(in: 0.35...0.75)
        sliceDepths = (0..<settings.depth).map { (Double($0) + 0.5) * step - above }
        sliceThickness = min(step, spacing)
        axis = [13 + random.normal(0, 7, in: -18...18), random.normal(-2, 7, in: -18...18)]

        let exact = fieldOfView / (Double(settings.width) * Double(settings.height)).squareRoot()
        // Four decimals: what the header, a float32, and the cohort's text say alike.
        let pixel = (exact * 10_000).rounded() / 10_000
        grid = Self.grid(
            size: [settings.width, settings.height, settings.depth],
            spacing: [pixel, pixel, (step * 10_000).rounded() / 10_000], random: &random)

        // A bright subject is bright in all its blood: most of the spread is common to the tissues.
        random = RandomStream(seed: settings.seed, purpose: "phantom scan", center, subject)
        let common = random.normal().clamped(to: -2...2)
        func draw(_ spread: CenterProfile.Spread, _ common: Double, _ share: Double) -> Double {
            let own = random.normal().clamped(to: -2...2)
            return spread.mean + spread.deviation * (share * common + (1 - share * share).squareRoot() * own)
        }
        let left = draw(profile.leftBlood, common, 0.9).clamped(to: 0.15...0.95)
        leftBlood = left
        rightBlood = draw(profile.rightBlood, common, 0.85).clamped(to: 0.12...0.92)
        myocardium = draw(profile.myocardium, common, 0.8)
            .clamped(to: 0.04...(isPhaseSensitive ? left - 0.02 : 0.65 * left))
        surroundMedian = profile.surroundMedian * exp((isPhaseSensitive ? 0.04 : 0.15) * random.normal())
        surroundHigh = min(max(profile.surroundHigh * exp(0.05 * random.normal()), surroundMedian + 0.05), 0.95)
        rawScale = min(profile.rawScale * exp(0.12 * random.normal()), 16_000)

        let depth = settings.depth
        // With the bias field and the papillary muscles, blood varies by 11 to 16 % from slice to slice.
        let inflow = isPhaseSensitive ? 0.02 : random.uniform(in: 0.09...0.14)
        leftInflow = (0..<depth).map { _ in exp(inflow * random.normal().clamped(to: -2...2)) }
        rightInflow = (0..<depth).map { _ in exp(inflow * random.normal().clamped(to: -2...2)) }
        muscleVariation = (0..<depth).map { _ in exp(0.03 * random.normal()) }
        let breath = random.uniform(in: 0.5...2.2)
        motion = (0..<depth).map { _ in
            [breath * random.normal().clamped(to: -2.5...2.5), breath * random.normal().clamped(to: -2.5...2.5)]
        }
        bias = BiasField(random: &random, strength: isPhaseSensitive ? 0.08 : 0.5)
        let ghostAmplitude = random.chance(0.5) && !isPhaseSensitive ? random.uniform(in: 0.005...0.04) : 0
        ghost = (Float(ghostAmplitude), 2 + random.index(below: 3))
        textureKey = random.next()
        noiseKey = random.next()
    }

    /// The numbers for one slice's noise.
    func noise(phase: Phase, slice: Int) -> RandomStream {
        RandomStream(seed: noiseKey, purpose: phase.rawValue, slice)
    }

    /// A double oblique short-axis grid: the slices' normal along the heart's axis, left, anterior and inferior.
    private static func grid(size: SIMD3<Int>, spacing: SIMD3<Double>, random: inout RandomStream) -> Grid {
        func unit(_ vector: SIMD3<Double>) -> SIMD3<Double> { vector / Affine.length(vector) }
        func vary(_ vector: SIMD3<Double>, _ random: inout RandomStream) -> SIMD3<Double> {
            vector + SIMD3(random.normal(), random.normal(), random.normal()).clamped(-2, 2) * 0.08
        }
        let normal = unit(vary([-0.62, 0.55, -0.56], &random))
        let guide = vary([-0.70, -0.62, 0.25], &random)
        let right = unit(guide - normal * (guide * normal).sum())
        // Rows run down: towards the diaphragm.
        let down = -Affine.cross(normal, right)
        var affine = Affine(x: right * spacing.x, y: down * spacing.y, z: normal * spacing.z, origin: .zero)
        let middle = affine.position(of: SIMD3<Double>(size &- 1) / 2)
        affine.origin = SIMD3(-28, 12, -8) + SIMD3(random.normal(), random.normal(), random.normal()) * 9 - middle
        return Grid(size: size, spacing: spacing, affine: affine)
    }
}

extension SIMD3<Double> {
    fileprivate func clamped(_ least: Double, _ most: Double) -> SIMD3<Double> {
        clamped(lowerBound: SIMD3(repeating: least), upperBound: SIMD3(repeating: most))
    }
}
