import CardiacMR
import Foundation
import Testing

@Suite("Simulated cohorts")
struct PhantomSimulatorTests {
    private static let small = PhantomSettings(centers: 6, subjects: 4, depth: 4, height: 32, width: 40)

    @Test("cohorts load, are split by subject, and their images have the size that was asked for")
    func cohorts() throws {
        try withTemporaryFolder { folder in
            let data = "\(folder)/data"
            let written = try PhantomSimulator(Self.small).write(to: data)
            let loaded = try Cohort.loadAll(data: data)
            #expect(loaded == written)
            #expect(
                loaded.map(\.center) == [
                    "center-1-siemens-bssfp", "center-2-philips-bssfp", "center-3-philips-bssfp", "center-4-ge-bssfp",
                    "center-5-siemens-bssfp", "center-6-siemens-lge-psir",
                ])
            for cohort in loaded {
                let isDistant = cohort.sequence == "LGE-PSIR"
                #expect(cohort.classes.count == (isDistant ? 5 : 4))
                #expect(cohort.cases.count == (isDistant ? 4 : 8))
                #expect(cohort.splits[.test]?.count == 1 && cohort.splits[.train]?.count == 3)
                for item in cohort.cases {
                    let image = try NIfTI.read(cohort.path(of: item.image))
                    let label = try NIfTI.read(cohort.path(of: item.label))
                    #expect(image.grid.size == [40, 32, 4])
                    #expect(image.grid == label.grid)
                    for axis in 0..<3 { #expect(abs(image.grid.spacing[axis] - item.spacing[axis]) < 1e-5) }
                    #expect(Set(label.voxels).isSubset(of: Set((0..<cohort.classes.count).map(Float.init))))
                    #expect(image.voxels.max() ?? 0 > 100)
                }
            }
        }
    }

    @Test("a subject is a function of seed, center and subject: not of how many there are, nor of the order")
    func determinism() {
        var more = Self.small
        more.centers = 9
        more.subjects = 30
        for (center, subject) in [(5, 3), (0, 2), (3, 0)] {
            let first = PhantomSubject(settings: Self.small, center: center, subject: subject).render(.endDiastole)
            let again = PhantomSubject(settings: more, center: center, subject: subject).render(.endDiastole)
            #expect(first == again)
        }
        var other = Self.small
        other.seed = 2
        let first = PhantomSubject(settings: Self.small, center: 0, subject: 0).render(.endSystole)
        #expect(first != PhantomSubject(settings: other, center: 0, subject: 0).render(.endSystole))
        #expect(first != PhantomSubject(settings: Self.small, center: 0, subject: 1).render(.endSystole))
        #expect(first.image != PhantomSubject(settings: Self.small, center: 0, subject: 0).render(.endDiastole).image)
    }

    @Test("heterogeneity 0 makes all centers alike; more makes them differ more, beyond the table, too")
    func heterogeneity() {
        func spread(_ heterogeneity: Double) -> Double {
            let blood = (0..<5).map {
                CenterProfile.profile(ofCenter: $0, heterogeneity: heterogeneity, seed: 1).leftBlood.mean
            }
            return deviation(blood)
        }
        let alike = (0..<12).map { CenterProfile.profile(ofCenter: $0, heterogeneity: 0, seed: 1) }
        #expect(alike.allSatisfy { $0 == alike[0] })
        #expect(spread(0) < 1e-9)
        #expect(spread(0.3) < spread(0.7) && spread(0.7) < spread(1))
        for center in 0..<7 {
            let profile = CenterProfile.profile(ofCenter: center, heterogeneity: 0.7, seed: 1)
            #expect(abs(profile.leftBlood.mean - CenterProfile.table[center].leftBlood.mean) < 1e-9)
            #expect(profile.sequence == CenterProfile.table[center].sequence)
        }
        let further = (7..<40).map { CenterProfile.profile(ofCenter: $0, heterogeneity: 1, seed: 1) }
        #expect(Set(further.map { ($0.leftBlood.mean * 1e6).rounded() }).count > further.count * 3 / 4)
        #expect(further.allSatisfy { $0.myocardium.mean < $0.leftBlood.mean && $0.surroundMedian < $0.surroundHigh })
        #expect(further.contains { $0.sequence != .balancedSteadyState })
    }

    @Test("late enhancement shows infarcts in some subjects and no-reflow in some of those")
    func infarcts() {
        let settings = PhantomSettings(centers: 6, subjects: 24, depth: 10, height: 96, width: 96)
        let seen = (0..<24).map { subject in
            Set(PhantomSubject(settings: settings, center: 5, subject: subject).render(.endDiastole).label.labels)
        }
        #expect(seen.allSatisfy { $0.isSuperset(of: [0, 1, 2]) && $0.isSubset(of: [0, 1, 2, 3, 4]) })
        #expect((8...22).contains(seen.count { $0.contains(3) }))
        #expect((2...14).contains(seen.count { $0.contains(4) }))
        #expect(seen.allSatisfy { !$0.contains(4) || $0.contains(3) })
    }

    @Test("any size of stack shows the heart", arguments: [(1, 64, 64), (3, 16, 16), (24, 48, 80), (10, 200, 180)])
    func sizes(_ depth: Int, _ height: Int, _ width: Int) {
        let settings = PhantomSettings(centers: 2, subjects: 2, depth: depth, height: height, width: width)
        let rendered = PhantomSubject(settings: settings, center: 1, subject: 1).render(.endDiastole)
        #expect(rendered.image.grid.size == [width, height, depth])
        #expect(Set(rendered.label.labels) == [0, 1, 2, 3])
    }

    @Test("an output folder that holds something is an error, and stays as it was")
    func notEmpty() throws {
        try withTemporaryFolder { folder in
            try write([1], to: "\(folder)/precious")
            expectError(folder, "not empty") { try PhantomSimulator(Self.small).write(to: folder) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["precious"])
            expectError("precious", "not a readable folder") {
                try PhantomSimulator(Self.small).write(to: "\(folder)/precious")
            }
        }
    }

    @Test(
        "settings out of range are errors that name them",
        arguments: [
            (PhantomSettings(centers: 0), "centers = 0"), (PhantomSettings(subjects: 1), "subjects = 1"),
            (PhantomSettings(heterogeneity: 1.5), "heterogeneity = 1.5"),
            (PhantomSettings(heterogeneity: .nan), "heterogeneity = nan"), (PhantomSettings(depth: 0), "slices"),
            (PhantomSettings(height: 4), "rows"), (PhantomSettings(width: 100_000), "columns"),
        ])
    func settingsOutOfRange(_ settings: PhantomSettings, _ message: String) {
        expectError(message) { _ = try PhantomSimulator(settings) }
    }
}
