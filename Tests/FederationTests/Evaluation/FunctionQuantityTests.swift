import CardiacMR
import Federation
import Testing

@Suite("Heart function and distributions of an evaluation")
struct FunctionQuantityTests {
    @Test("a distribution has mean, deviation (n − 1) and median; one value has no deviation, none is no distribution")
    func distributions() throws {
        let three = try #require(Distribution([4, 1, 1]))
        #expect(three.mean == 2 && three.median == 1 && three.count == 3)
        #expect(abs(try #require(three.deviation) - 3.0.squareRoot()) < 1e-12)
        #expect(Distribution([1, 4])?.median == 2.5)
        #expect(Distribution([7])?.deviation == nil)
        #expect(Distribution([]) == nil)
    }

    /// A case of one slice of 10 × 10 voxels of 1 ml, of which so many are of each class.
    private static func scored(
        _ subject: String, _ phase: CardiacMR.Phase, predicted: [Int], actual: [Int]
    ) -> CenterScore.CaseScore {
        let grid = Grid(size: [10, 10, 1], spacing: [10, 10, 10], affine: Affine(spacing: [10, 10, 10]))
        func volume(_ counts: [Int]) -> LabelVolume {
            var labels = counts.enumerated().flatMap { [UInt8](repeating: UInt8($0 + 1), count: $1) }
            labels += [UInt8](repeating: 0, count: grid.count - labels.count)
            return LabelVolume(grid: grid, labels: labels)
        }
        let (prediction, truth) = (volume(predicted), volume(actual))
        return .init(
            name: "\(subject)-\(phase.rawValue)", subject: subject, phase: phase, dice: [1, 1, 1],
            absent: [false, false, false],
            measures: (1...3).map { ClassMeasures(UInt8($0), prediction: prediction, truth: truth) })
    }

    @Test("ejection fractions take both phases of a subject, masses the end-diastolic myocardium")
    func quantities() throws {
        let score = CenterScore(
            center: "a", classes: ["LV", "MYO", "RV"],
            cases: [
                Self.scored("one", .endDiastole, predicted: [20, 10, 30], actual: [25, 12, 30]),
                Self.scored("one", .endSystole, predicted: [10, 10, 12], actual: [10, 12, 15]),
                Self.scored("two", .endDiastole, predicted: [16, 20, 0], actual: [20, 20, 8]),
            ])
        let quantities = Dictionary(uniqueKeysWithValues: score.functionQuantities.map { ($0.name, $0) })
        let fraction = try #require(quantities["LV ejection fraction"])
        #expect(fraction.pairs.map(\.subject) == ["one"], "the second subject has no end systole")
        #expect(abs(fraction.pairs[0].prediction - 50) < 1e-9 && abs(fraction.pairs[0].truth - 60) < 1e-9)
        let mass = try #require(quantities["myocardial mass"])
        #expect(mass.pairs.map(\.subject) == ["one", "two"])
        #expect(abs(mass.pairs[0].prediction - 10.5) < 1e-9 && abs(mass.pairs[0].truth - 12.6) < 1e-9)
        #expect(quantities["LV end-diastolic volume"]?.agreement?.bias == -4.5)

        let right = score.classSummaries[2]
        #expect(right.missed == 1 && right.absent == 0, "the second subject's right ventricle was not found")
        #expect(right.hausdorff95?.count == 2, "a missed class has no distance")
    }
}
