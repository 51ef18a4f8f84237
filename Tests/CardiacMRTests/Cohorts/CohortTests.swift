import CardiacMR
import Foundation
import Testing

@Suite("Cohorts")
struct CohortTests {
    /// A center of four subjects with empty files for images, since loading must not open them.
    private static func makeCenter(_ name: String, in data: String, _ change: (inout Cohort) -> Void = { _ in }) throws
    {
        let folder = "\(data)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var cases: [Case] = []
        for subject in ["s1", "s2", "s3", "s4"] {
            for phase in [Phase.endSystole, .endDiastole] {
                let file = "\(subject)-\(phase.rawValue).nii.gz"
                try write([], to: "\(folder)/\(file)")
                cases.append(
                    Case(image: file, label: file, subject: subject, phase: phase, spacing: [1.25, 1.25, 10]))
            }
        }
        var cohort = Cohort(
            center: name, vendor: "Siemens", sequence: "bSSFP", classes: ["background", "LV", "MYO", "RV"],
            splits: [.train: ["s3", "s1"], .validation: ["s4"], .test: ["s2"]], cases: cases, folder: folder)
        change(&cohort)
        try cohort.write()
    }

    @Test("a cohort reads as it was written, and the same cohort gives the same bytes")
    func roundTrip() throws {
        try withTemporaryFolder { data in
            try Self.makeCenter("a", in: data) { $0.labelValues = [0, 500, 200, 600] }
            let cohort = try Cohort.load(folder: "\(data)/a")
            #expect(cohort.labelValues == [0, 500, 200, 600])
            #expect(cohort.cases.count == 8)
            let bytes = try contents(of: "\(data)/a/cohort.json")
            try cohort.write()
            #expect(try contents(of: "\(data)/a/cohort.json") == bytes)
            #expect(try Cohort.load(folder: "\(data)/a") == cohort)
        }
    }

    @Test("cases of a split come in the split's order of subjects, ED before ES")
    func order() throws {
        try withTemporaryFolder { data in
            try Self.makeCenter("a", in: data)
            let cohort = try Cohort.load(folder: "\(data)/a")
            #expect(cohort.cases(in: .train).map(\.name) == ["s3-ED", "s3-ES", "s1-ED", "s1-ES"])
            #expect(cohort.cases(in: .test).map(\.name) == ["s2-ED", "s2-ES"])
        }
    }

    @Test("all cohorts of a data folder load by center name; other folders and files are passed over")
    func loadAll() throws {
        try withTemporaryFolder { data in
            try Self.makeCenter("x", in: data) { $0.center = "b" }
            try Self.makeCenter("y", in: data) { $0.center = "a" }
            try FileManager.default.createDirectory(atPath: "\(data)/notes", withIntermediateDirectories: true)
            try write([1], to: "\(data)/README")
            #expect(try Cohort.loadAll(data: data).map(\.center) == ["a", "b"])
        }
    }

    /// A change of a valid cohort and what the error must say.
    struct Mistake: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let fragments: [String]
        let change: @Sendable (inout Cohort) -> Void
        init(_ name: String, _ fragments: [String], _ change: @escaping @Sendable (inout Cohort) -> Void) {
            testDescription = name
            self.fragments = fragments
            self.change = change
        }
    }

    @Test(
        "a cohort that contradicts itself is an error that names file and key",
        arguments: [
            Mistake("an unknown subject", ["\"splits.test\"", "\"s9\""]) { $0.splits[.test] = ["s9"] },
            Mistake("a subject in two splits", ["\"splits.validation\"", "already in split train"]) {
                $0.splits[.validation] = ["s1"]
            },
            Mistake("a subject twice in a split", ["\"splits.train\"", "\"s1\""]) { $0.splits[.train] = ["s1", "s1"] },
            Mistake("one class", ["\"classes\""]) { $0.classes = ["background"] },
            Mistake("a class twice", ["\"classes\"", "\"LV\""]) { $0.classes = ["background", "LV", "LV"] },
            Mistake("too few label values", ["\"labelValues\""]) { $0.labelValues = [0, 1] },
            Mistake("a case twice", ["\"cases[8]\"", "\"s1\"", "ES"]) { $0.cases.append($0.cases[0]) },
            Mistake("a missing image", ["\"cases[2].image\"", "gone.nii"]) { $0.cases[2].image = "gone.nii" },
            Mistake("a missing label", ["\"cases[0].label\"", "gone.nii"]) { $0.cases[0].label = "gone.nii" },
            Mistake("a spacing of 0", ["\"cases[1].spacing\""]) { $0.cases[1].spacing.y = 0 },
            Mistake("a negative frame", ["\"cases[1].frame\""]) { $0.cases[1].frame = -1 },
            Mistake("a center name that is a path", ["\"center\"", "../x"]) { $0.center = "../x" },
        ])
    func mistakes(_ mistake: Mistake) throws {
        try withTemporaryFolder { data in
            try Self.makeCenter("a", in: data, mistake.change)
            let error = #expect(throws: CardiacMRError.self) { try Cohort.load(folder: "\(data)/a") }
            for fragment in ["a/cohort.json"] + mistake.fragments {
                #expect(error?.description.contains(fragment) == true, "\(fragment)")
            }
        }
    }

    @Test(
        "text that is not a cohort is an error that names the key",
        arguments: [
            ("{", "the file"), ("{}", "\"center\" is missing"), (#"{"center": 3}"#, "\"center\""),
            (
                #"""
                {"center": "a", "vendor": "v", "sequence": "s", "classes": ["b", "c"],
                 "splits": {"train": [], "validation": [], "test": []},
                 "cases": [{"image": "i", "label": "l", "subject": "s", "phase": "EX", "spacing": [1, 1, 1]}]}
                """#, "\"cases[0].phase\""
            ),
        ])
    func notACohort(_ text: String, _ message: String) throws {
        try withTemporaryFolder { data in
            try write(Array(text.utf8), to: "\(data)/cohort.json")
            expectError("\(data)/cohort.json", message) { _ = try Cohort.load(folder: data) }
        }
    }

    @Test("a center without training cases, or without cases, is an error that names it and says what to do")
    func untrainable() throws {
        try withTemporaryFolder { data in
            try Self.makeCenter("a", in: data)
            try Self.makeCenter("b", in: data) { $0.splits = [.test: ["s1"]] }
            expectError("b/cohort.json", "center b", "train", "move the center") { _ = try Cohort.loadAll(data: data) }
            try Self.makeCenter("b", in: data) {
                $0.splits = [:]
                $0.cases = []
            }
            expectError("center b", "no cases") { _ = try Cohort.loadAll(data: data) }
        }
    }

    @Test("a data folder that is missing or empty, and two centers of one name, are errors")
    func dataFolder() throws {
        try withTemporaryFolder { data in
            expectError("\(data)/none", "no such folder", "fedcrld simulate") {
                _ = try Cohort.loadAll(data: "\(data)/none")
            }
            expectError(data, "cohort.json") { _ = try Cohort.loadAll(data: data) }
            try Self.makeCenter("a", in: data)
            try Self.makeCenter("b", in: data) { $0.center = "a" }
            expectError("b/cohort.json", "same center name") { _ = try Cohort.loadAll(data: data) }
        }
    }
}
