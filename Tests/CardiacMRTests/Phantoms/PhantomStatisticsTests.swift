import CardiacMR
import Testing

/// What is measured on phantoms, in the way in which the published values were measured on real volumes.
struct PhantomMeasurements {
    var leftBlood: [Double] = []
    var myocardium: [Double] = []
    var rightBlood: [Double] = []
    var surroundMedian: [Double] = []
    var surroundHigh: [Double] = []
    var brightest: [Double] = []
    var foreground: [Double] = []

    mutating func add(_ item: PhantomCase, hasRight: Bool) {
        var order = item.image.voxels
        let bright = Double(Quantile.value(of: 0.995, in: &order))
        brightest.append(bright)
        func values(_ label: UInt8) -> [Float] {
            zip(item.image.voxels, item.label.labels).filter { $0.1 == label }.map { $0.0 }
        }
        func average(_ label: UInt8) -> Double { mean(values(label).map(Double.init)) / bright }
        leftBlood.append(average(1))
        myocardium.append(average(2))
        if hasRight { rightBlood.append(average(3)) }
        var surround = values(0)
        surroundMedian.append(Double(Quantile.value(of: 0.5, in: &surround)) / bright)
        surroundHigh.append(Double(Quantile.value(of: 0.95, in: &surround)) / bright)
        foreground.append(Double(item.label.labels.count { $0 != 0 }) / Double(item.label.labels.count))
    }
}

func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

func deviation(_ values: [Double]) -> Double {
    let center = mean(values)
    return mean(values.map { ($0 - center) * ($0 - center) }).squareRoot()
}

@Suite("Phantoms have the statistics of real volumes")
struct PhantomStatisticsTests {
    private static let settings = PhantomSettings(centers: 7, subjects: 20, depth: 10, height: 96, width: 96)

    @Test("brightness of tissues and surround is the profile's, of every measured center", arguments: 0..<7)
    func brightness(center: Int) {
        let profile = CenterProfile.table[center]
        var measured = PhantomMeasurements()
        for subject in 0..<Self.settings.subjects {
            let phantom = PhantomSubject(settings: Self.settings, center: center, subject: subject)
            measured.add(
                phantom.render(.endDiastole), hasRight: profile.sequence != .phaseSensitiveEnhancement)
        }
        // Three standard errors of a mean over the subjects, and a little for what noise and artifacts add.
        func expect(_ values: [Double], _ spread: CenterProfile.Spread, _ name: Comment) {
            let error = 3 * spread.deviation / Double(values.count).squareRoot() + 0.02
            #expect(abs(mean(values) - spread.mean) < error, name)
            #expect((0.5...1.4).contains(deviation(values) / spread.deviation), name)
        }
        expect(measured.leftBlood, profile.leftBlood, "left blood")
        expect(measured.myocardium, profile.myocardium, "myocardium")
        if !measured.rightBlood.isEmpty { expect(measured.rightBlood, profile.rightBlood, "right blood") }
        #expect(abs(mean(measured.surroundMedian) - profile.surroundMedian) < 0.035)
        #expect(abs(mean(measured.surroundHigh) - profile.surroundHigh) < 0.05)
        #expect(abs(mean(measured.brightest) / profile.rawScale - 1) < 0.15)
    }

    @Test("the foreground takes as many voxels as in real volumes: 3.7 ± 1.2 %")
    func foreground() {
        var settings = Self.settings
        (settings.height, settings.width) = (64, 64)
        var fractions: [Double] = []
        for center in 0..<5 {
            for subject in 0..<16 {
                let phantom = PhantomSubject(settings: settings, center: center, subject: subject)
                for phase in [Phase.endDiastole, .endSystole] {
                    let labels = phantom.render(phase).label.labels
                    fractions.append(Double(labels.count { $0 != 0 }) / Double(labels.count))
                }
            }
        }
        #expect((0.031...0.043).contains(mean(fractions)))
        #expect((0.008...0.024).contains(deviation(fractions)))
    }

    @Test("hearts are sized, thick and strong as real ones")
    func geometry() {
        let hearts = (0..<400).map { PhantomSubject(settings: Self.settings, center: 1, subject: $0).heart }
        func expect(_ values: [Double], _ average: Double, _ spread: Double, _ tolerance: Double, _ name: Comment) {
            #expect(abs(mean(values) - average) < tolerance, name)
            #expect((0.7...1.25).contains(deviation(values) / spread), name)
        }
        expect(hearts.map(\.endDiastole.radius), 26.5, 4.8, 1, "ED radius")
        expect(hearts.map(\.endDiastole.wall), 8.4, 2.2, 0.6, "ED wall")
        expect(hearts.map(\.endSystole.radius), 20.1, 7.0, 1, "ES radius")
        expect(hearts.map(\.endSystole.wall), 12.5, 4.1, 1, "ES wall")
        expect(hearts.map { 100 * $0.ejectionFraction }, 46, 20, 3, "EF")
        #expect(hearts.allSatisfy { (17...39).contains($0.endDiastole.radius) })
        #expect(hearts.allSatisfy { (4...16).contains($0.endDiastole.wall) })
        #expect(hearts.allSatisfy { (0.10...0.82).contains($0.ejectionFraction) })
    }

    @Test("labels show the geometry: cavity volumes give the ejection fraction, 6 to 10 of 10 slices show the heart")
    func labelledGeometry() {
        for subject in 0..<12 {
            let phantom = PhantomSubject(settings: Self.settings, center: subject % 5, subject: subject)
            let (diastole, systole) = (phantom.render(.endDiastole).label, phantom.render(.endSystole).label)
            func cavity(_ volume: LabelVolume) -> Double { Double(volume.labels.count { $0 == 1 }) }
            let ejected = 1 - cavity(systole) / cavity(diastole)
            #expect(abs(ejected - phantom.heart.ejectionFraction) < 0.08, "subject \(subject)")
            let inSlice = diastole.grid.size.x * diastole.grid.size.y
            let shown = (0..<10).count { slice in
                diastole.labels[slice * inSlice..<(slice + 1) * inSlice].contains(2)
            }
            #expect((6...10).contains(shown), "subject \(subject)")
        }
    }

    @Test("the field of view is a real scan's, whatever the matrix", arguments: [(64, 64), (128, 96), (256, 256)])
    func fieldOfView(_ height: Int, _ width: Int) {
        let settings = PhantomSettings(centers: 6, subjects: 20, depth: 10, height: height, width: width)
        let areas = (0..<120).map { index in
            let grid = PhantomSubject(settings: settings, center: index % 6, subject: index / 6).grid
            return grid.spacing.x * Double(width) * grid.spacing.y * Double(height)
        }
        #expect((330...370).contains(mean(areas.map { $0.squareRoot() })))
    }
}
