#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

extension CenterProfile {
    /// The profile of a center at a heterogeneity: the measured ones at 0.7, all alike at 0, farther apart than the
    /// measured ones above 0.7. Late enhancement appears from 0.35 on; below, those centers are cine, too.
    ///
    /// Centers beyond the table lie on lines through two measured profiles, between and beyond the two.
    /// - Parameter index: 0 for the first center.
    package static func profile(ofCenter index: Int, heterogeneity: Double, seed: UInt64) -> CenterProfile {
        var profile = index < table.count ? table[index] : drawn(index: index, seed: seed)
        if heterogeneity < 0.35, profile.sequence != .balancedSteadyState {
            profile = table[index % cine.count]
        }
        let strength = heterogeneity / 0.7
        // Beyond its measured distance, late enhancement would lose the contrast of blood and myocardium.
        let step = profile.sequence == .balancedSteadyState ? strength : min(strength, 1)
        var result = reference.moved(towards: profile) { _ in step }
        result.vendor = heterogeneity == 0 ? reference.vendor : profile.vendor
        result.sequence = profile.sequence
        return result.plausible()
    }

    /// The measured cine profiles.
    private static let cine = table.filter { $0.sequence == .balancedSteadyState }

    /// The mean of the measured cine profiles: what all centers are at heterogeneity 0.
    private static let reference: CenterProfile = {
        var mean = cine[0]
        for (count, profile) in cine.enumerated().dropFirst() {
            mean = mean.moved(towards: profile) { _ in 1 / Double(count + 1) }
        }
        return mean
    }()

    /// A profile for a center beyond the table.
    private static func drawn(index: Int, seed: UInt64) -> CenterProfile {
        var random = RandomStream(seed: seed, purpose: "center profile", index)
        let isEnhanced = random.chance(0.2)
        let order = random.permutation(of: cine.count)
        var first = cine[order[0]]
        let second = cine[order[1]]
        if isEnhanced { first = table[random.chance(0.5) ? 5 : 6] }
        let along = isEnhanced ? random.uniform(in: -0.1...0.15) : random.uniform(in: -0.3...1.3)
        let jitter = (0..<16).map { _ in along + random.uniform(in: -0.15...0.15) * (isEnhanced ? 0.4 : 1) }
        var profile = first.moved(towards: second) { jitter[$0] }
        profile.vendor = (along > 0.5 ? second : first).vendor
        return profile
    }

    /// A step from this profile to another: 0 stays, 1 arrives, more goes beyond; `step` by the quantity's number.
    private func moved(towards other: CenterProfile, _ step: (Int) -> Double) -> CenterProfile {
        var result = self
        func line(_ from: Double, _ to: Double, _ index: Int) -> Double { from + step(index) * (to - from) }
        func ratio(_ from: Double, _ to: Double, _ index: Int) -> Double { from * pow(to / from, step(index)) }
        func spread(_ from: Spread, _ to: Spread, _ index: Int) -> Spread {
            Spread(line(from.mean, to.mean, index), ratio(from.deviation, to.deviation, index))
        }
        result.leftBlood = spread(leftBlood, other.leftBlood, 0)
        result.myocardium = spread(myocardium, other.myocardium, 1)
        result.rightBlood = spread(rightBlood, other.rightBlood, 0)
        result.scar = line(scar, other.scar, 2)
        result.noReflow = line(noReflow, other.noReflow, 3)
        result.surroundMedian = line(surroundMedian, other.surroundMedian, 4)
        result.surroundHigh = line(surroundHigh, other.surroundHigh, 5)
        result.noise = ratio(noise, other.noise, 6)
        result.fieldOfView = ratio(fieldOfView, other.fieldOfView, 7)
        let low = ratio(sliceSpacing.lowerBound, other.sliceSpacing.lowerBound, 8)
        result.sliceSpacing = low...max(low, ratio(sliceSpacing.upperBound, other.sliceSpacing.upperBound, 8))
        result.rawScale = ratio(rawScale, other.rawScale, 9)
        return result
    }

    /// The nearest profile that a scanner could have: contrast of blood and muscle, an order in the surround.
    private func plausible() -> CenterProfile {
        var result = self
        result.leftBlood.mean = leftBlood.mean.clamped(to: 0.25...0.88)
        result.rightBlood.mean = rightBlood.mean.clamped(to: 0.22...0.85)
        let isPhaseSensitive = sequence == .phaseSensitiveEnhancement
        let most = result.leftBlood.mean * (isPhaseSensitive ? 0.92 : 0.55)
        result.myocardium.mean = myocardium.mean.clamped(to: 0.06...max(0.06, most))
        result.surroundMedian = surroundMedian.clamped(to: 0.05...0.75)
        result.surroundHigh = surroundHigh.clamped(to: (result.surroundMedian + 0.1)...0.9)
        result.noise = noise.clamped(to: 0.005...0.06)
        result.fieldOfView = fieldOfView.clamped(to: 260...480)
        result.sliceSpacing = sliceSpacing.lowerBound.clamped(to: 5...13)...sliceSpacing.upperBound.clamped(to: 5...13)
        return result
    }
}
