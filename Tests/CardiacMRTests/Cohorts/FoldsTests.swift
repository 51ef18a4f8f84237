import CardiacMR
import Testing

@Suite("Cross-validation")
struct FoldsTests {
    private func cohort(_ subjects: Int) -> Cohort {
        let names = (0..<subjects).map { "s\($0)" }
        return Cohort(
            center: "a", vendor: "v", sequence: "bSSFP", classes: ["background", "LV"],
            splits: [
                .train: Array(names.dropFirst(3)), .validation: [names[0]], .test: Array(names[1..<min(3, subjects)]),
            ], cases: [], folder: "/nowhere")
    }

    @Test(
        "every subject is tested on in one fold and validated on in one; parts differ by at most one",
        arguments: [5, 7, 23])
    func parts(_ subjects: Int) {
        let folds = 5
        var tested: [String] = []
        var validated: [String] = []
        for fold in 1...folds {
            let splits = cohort(subjects).split(fold: fold, of: folds).splits
            let all = Split.allCases.flatMap { splits[$0] ?? [] }
            #expect(Set(all).count == subjects && all.count == subjects)
            let test = splits[.test]?.count ?? 0
            #expect((subjects / folds...(subjects + folds - 1) / folds).contains(test))
            tested += splits[.test] ?? []
            validated += splits[.validation] ?? []
        }
        #expect(Set(tested).count == subjects && tested.count == subjects)
        #expect(Set(validated).count == subjects && validated.count == subjects)
    }

    @Test("parts do not hang on the splits that the cohort has")
    func splits() {
        var other = cohort(9)
        other.splits = [.train: (0..<9).map { "s\(8 - $0)" }]
        #expect(
            other.split(fold: 2, of: 3)
                == {
                    var wanted = cohort(9).split(fold: 2, of: 3)
                    wanted.folder = other.folder
                    return wanted
                }())
    }
}
