#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a point of the heart is made of.
enum HeartTissue: UInt8, CaseIterable {
    case outside, leftBlood, myocardium, rightBlood, papillary, rightWall, scar, noReflow, leftAtrium, rightAtrium
}

/// A plane cut through the heart: its contours around the left ventricle's axis, tabulated by angle.
struct HeartSection {
    private static let bins = 720

    /// The axis in the image, in mm from its center.
    let center: SIMD2<Float>
    /// Contours by angle, in mm from the axis: cavity, outer wall, right cavity (not inside the outer wall), outer
    /// border of the whole heart.
    private var inner, outer, right, border: [Float]
    /// The infarct's closeness by angle, negative outside.
    private var infarct: [Float] = []
    private let transmurality: Float
    private let hasNoReflow: Bool
    private let isAtrial: Bool
    private var papillaries: [(center: SIMD2<Float>, square: Float)] = []
    /// Farthest point of the heart from the axis.
    let reach: Float

    /// The cut at `depth` mm below the base's place at end diastole; nil where the heart has ended.
    init?(_ heart: HeartGeometry, phase: Phase, depth: Double, center: SIMD2<Double>) {
        let measures = heart.measures(at: phase)
        let level = (depth - measures.baseShift) / measures.length
        let apexCap = 0.7 * measures.wall
        let beyondApex = (level - 1) * measures.length
        guard beyondApex < apexCap, depth > -45 else { return nil }
        self.center = SIMD2<Float>(center + heart.tilt * (depth - heart.endDiastole.length / 2))
        isAtrial = level < 0
        transmurality = Float(heart.infarct?.transmurality ?? 0)
        hasNoReflow = heart.infarct?.hasNoReflow ?? false

        let radius = Self.cavityRadius(measures, level: level)
        let taper = Self.taper(level)
        let wall = isAtrial ? 3 : measures.wall * (1 - 0.25 * taper * taper)
        // Beyond the cavity's end the wall closes as half an ellipsoid.
        let cap = beyondApex > 0 ? (1 - pow(beyondApex / apexCap, 2)).squareRoot() : 1
        inner = []
        outer = []
        right = []
        border = []
        let step = 2 * Double.pi / Double(Self.bins)
        for bin in 0..<Self.bins {
            let angle = Double(bin) * step
            var shape = 1.0
            for (order, harmonic) in heart.harmonics.enumerated() {
                shape += harmonic.amplitude * cos(Double(order + 2) * angle + harmonic.phase)
            }
            var thickness = wall
            for (order, harmonic) in heart.wallHarmonics.enumerated() {
                thickness *= 1 + harmonic.amplitude * cos(Double(order + 1) * angle + harmonic.phase)
            }
            inner.append(beyondApex > 0 ? 0 : Float(radius * shape))
            outer.append(Float((radius * shape + thickness) * cap))
            if let scar = heart.infarct, !isAtrial {
                infarct.append(Float(scar.closeness(angle: angle, level: level)))
            }
        }

        let area = measures.rightArea * Self.rightProfile(level, end: measures.rightEnd)
        let halfAngle = 1.2
        let heights = (0..<Self.bins).map { bin -> Double in
            let offset = remainder(Double(bin) * step - heart.rightAngle, 2 * .pi) / halfAngle
            return offset * offset < 1 ? pow(1 - offset * offset, 0.75) : 0
        }
        // Area between the outer wall and outer wall + height · profile: a quadratic in the height.
        var linear = 0.0
        var square = 0.0
        for (bin, height) in heights.enumerated() {
            linear += Double(outer[bin]) * height * step
            square += 0.5 * height * height * step
        }
        let height = area > 0 ? ((linear * linear + 4 * square * area).squareRoot() - linear) / (2 * square) : 0
        var reach: Float = 0
        for bin in 0..<Self.bins {
            let rightHeight = Float(height * heights[bin])
            right.append(rightHeight > 0.5 ? outer[bin] + rightHeight : 0)
            border.append(rightHeight > 0.5 ? outer[bin] + rightHeight + 3 : outer[bin])
            reach = max(reach, border[bin])
        }
        self.reach = reach

        if (0.28...0.75).contains(level) {
            let size = min(phase == .endDiastole ? 3.4 : 4.2, 0.24 * radius)
            let bulge = 1 - pow((level - 0.5) / 0.26, 2) * 0.4
            papillaries = heart.papillaryAngles.map { angle in
                (
                    SIMD2(Float(0.62 * radius * cos(angle)), Float(0.62 * radius * sin(angle))),
                    Float(pow(size * bulge, 2))
                )
            }
        }
    }

    /// The tissue at a point, in mm from the image's center.
    func tissue(x: Float, y: Float) -> HeartTissue {
        let offset = SIMD2(x, y) - center
        let square = (offset * offset).sum()
        guard square < reach * reach else { return .outside }
        let distance = square.squareRoot()
        let bin = Self.bin(offset)
        if distance < inner[bin] {
            if isAtrial { return .leftAtrium }
            for papillary in papillaries {
                let apart = offset - papillary.center
                if (apart * apart).sum() < papillary.square { return .papillary }
            }
            return .leftBlood
        }
        if distance < outer[bin] {
            if isAtrial { return .rightWall }
            guard !infarct.isEmpty, infarct[bin] > 0 else { return .myocardium }
            let inWall = (distance - inner[bin]) / (outer[bin] - inner[bin])
            let extent = transmurality * min(1, 1.5 * infarct[bin].squareRoot())
            guard inWall < extent else { return .myocardium }
            return hasNoReflow && infarct[bin] > 0.3 && (0.1...0.6).contains(inWall / extent) ? .noReflow : .scar
        }
        if distance < right[bin] { return isAtrial ? .rightAtrium : .rightBlood }
        return distance < border[bin] ? .rightWall : .outside
    }

    /// How far a point lies outside the heart's border along its ray, in mm; negative inside. And its angle, in radians.
    func distanceOutside(x: Float, y: Float) -> (distance: Float, angle: Float) {
        let offset = SIMD2(x, y) - center
        return ((offset * offset).sum().squareRoot() - border[Self.bin(offset)], atan2f(offset.y, offset.x))
    }

    private static func bin(_ offset: SIMD2<Float>) -> Int {
        let turns = atan2f(offset.y, offset.x) * Float(0.5 / Double.pi)
        let bin = Int((turns < 0 ? turns + 1 : turns) * Float(bins))
        return bin < bins ? bin : bins - 1
    }

    /// 0 down to a quarter of the cavity, 1 at its end.
    private static func taper(_ level: Double) -> Double { ((level - 0.25) / 0.75).clamped(to: 0...1) }

    /// The cavity's radius: nearly cylindrical, then an ellipsoid that is cut at the apex radius.
    private static func cavityRadius(_ measures: HeartMeasures, level: Double) -> Double {
        let end = measures.apexRadius / measures.radius
        func shape(_ level: Double) -> Double { (1 - (1 - end * end) * pow(taper(level), 1.6)).squareRoot() }
        return measures.radius * shape(level) / shape(0.55)
    }

    /// The right cavity's area relative to mid level.
    private static func rightProfile(_ level: Double, end: Double) -> Double {
        guard level < end else { return 0 }
        func shape(_ level: Double) -> Double { pow(max(1 - pow(max(level, 0) / end, 2.2), 0), 0.9) }
        return shape(level) / max(shape(0.5), 0.1)
    }
}
