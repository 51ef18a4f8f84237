import CardiacMR
import Federation
import Foundation
import TestSupport
import Testing

/// What comes from outside, mutated 3,000 times each (or as often as FEDCRLD_MUTATIONS says): it is read or refused by an error that names it, in little memory.
/// Each in a process of its own: a crash is a failed test, and the memory is this test's alone.
@Suite("Files from outside, mutated")
struct FuzzTests {
    private static let count = ProcessInfo.processInfo.environment["FEDCRLD_MUTATIONS"].flatMap { Int($0) } ?? 3_000

    private static func expect(_ read: Int) throws {
        holds((1..<count).contains(read), "\(read) of \(count) mutations were read")
        let peak = try Mutations.peakMebibytes()
        holds(peak < 512, "\(peak) MiB")
    }

    @Test("cohort.json")
    func cohorts() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let cohort = try PhantomSimulator(PhantomSettings(centers: 1, subjects: 2, depth: 1, height: 32, width: 32))
                .write(to: folder.path + "/data")[0]
            let path = "\(cohort.folder)/\(Cohort.fileName)"
            let words = [
                "null", "-1", "1e999", "18446744073709551616", "\"\"", "[]", "{}", "true", "[[[[[[[[", "\\u0000",
                "-9223372036854775808", "\"labelValues\": [0, 1, 2, 3],", "\"frame\": 7,", "\u{FEFF}", "0.5",
            ].map { Array($0.utf8) }
            var mutations = Mutations(
                of: [UInt8](try Data(contentsOf: URL(filePath: path))), words: words, seed: 1)
            var read = 0
            for _ in 0..<FuzzTests.count {
                try Data(mutations.next()).write(to: URL(filePath: path))
                do {
                    _ = try Cohort.load(folder: cohort.folder)
                    read += 1
                } catch {
                    holds("\(error)".contains(Cohort.fileName), "\(error)")
                }
            }
            try FuzzTests.expect(read)
        }
    }

    @Test("configurations")
    func configurations() async {
        await #expect(processExitsWith: .success) {
            let words = [
                "&a [*a, *a]", "!!binary x", "- ", "? ", "%YAML 9", "{", "[", "<<: *a", "1e999", "null", "~", "\t",
                "---",
                "999999999999999999999", "-1", "loss: ", "crl: {placement: client}", "\u{FEFF}", "|\n", "'", "\"\\x41",
            ].map { Array($0.utf8) }
            var mutations = Mutations(of: Array(Configuration(preset: .tiny).yaml.utf8), words: words, seed: 2)
            let folder = try TemporaryFolder()
            let path = folder.path + "/c.yaml"
            var read = 0
            for _ in 0..<FuzzTests.count {
                try Data(mutations.next()).write(to: URL(filePath: path))
                do {
                    let configuration = try Configuration.resolve(file: path)
                    // What is accepted is written and read back.
                    try holds(Configuration.parse(yaml: configuration.yaml, name: "again"), equals: configuration)
                    read += 1
                } catch {
                    holds("\(error)".contains("c.yaml"), "\(error)")
                }
            }
            try FuzzTests.expect(read)
        }
    }

    @Test("tables of a data set", arguments: [",", ";", "\t"])
    func tables(_ separator: String) async {
        await #expect(processExitsWith: .success) { [separator] in
            let folder = try TemporaryFolder()
            let source = folder.path + "/source"
            let grid = Grid(size: [3, 2, 1], spacing: [1, 1, 8], affine: Affine(spacing: [1, 1, 8]))
            try FileManager.default.createDirectory(
                atPath: source + "/Training/Labeled/A1", withIntermediateDirectories: true)
            for ending in ["", "_gt"] {
                let labels = LabelVolume(grid: grid, labels: [0, 1, 2, 3, 0, 0])
                try NIfTI.write([labels, labels], interval: 1, to: "\(source)/Training/Labeled/A1/A1_sa\(ending).nii")
            }
            let rows = [
                ["", "External code", "VendorName", "Vendor", "Centre", "ED", "ES"],
                ["0", "A1", "GE", "C", "1", "0", "1.0"],
            ]
            let table = rows.map { $0.joined(separator: separator) }.joined(separator: "\r\n")
            let words = ["\"", "\"\"", "sep=;\n", "\r", "\n", "1e999", "\u{FEFF}", "\0", ",,,,", "A1", "../A1"]
            var mutations = Mutations(of: Array(table.utf8), words: words.map { Array($0.utf8) }, seed: 3)
            var read = 0
            // A third for each separator.
            for number in 0..<FuzzTests.count / 3 {
                let bytes = mutations.next()
                let wide = number % 5 == 0 ? [0xFF, 0xFE] + bytes.flatMap { [$0, 0] } : bytes
                try Data(wide).write(to: URL(filePath: source + "/Dataset_information.csv"))
                var work = try DataSetImport(.mnms, source: source, seed: 1, reference: .paths)
                do {
                    try work.write(to: folder.path + "/data")
                    read += 1
                } catch {
                    holds("\(error)".contains(source), "\(error)")
                }
                try? FileManager.default.removeItem(atPath: folder.path + "/data")
            }
            holds((1..<FuzzTests.count / 3).contains(read), "\(read) were read")
            try holds(Mutations.peakMebibytes() < 512)
        }
    }

    @Test("Info.cfg")
    func information() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let place = folder.path + "/source/training/patient001"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let grid = Grid(size: [3, 2, 1], spacing: [1, 1, 8], affine: Affine(spacing: [1, 1, 8]))
            for frame in ["01", "02"] {
                for ending in ["", "_gt"] {
                    try NIfTI.write(
                        LabelVolume(grid: grid, labels: [0, 1, 2, 3, 0, 0]),
                        to: "\(place)/patient001_frame\(frame)\(ending).nii")
                }
            }
            let words = ["=", ":", "1.0", "1e999", "\0", "\u{FEFF}", "ed", "-1", "99999999999999999999"]
            var mutations = Mutations(
                of: Array("ED: 1\nES: 2\nGroup: NOR\nHeight: 180.0\n".utf8), words: words.map { Array($0.utf8) },
                seed: 4)
            var read = 0
            for number in 0..<FuzzTests.count {
                let bytes = mutations.next()
                let wide = number % 5 == 0 ? [0xFE, 0xFF] + bytes.flatMap { [0, $0] } : bytes
                try Data(wide).write(to: URL(filePath: place + "/Info.cfg"))
                var work = try DataSetImport(.acdc, source: folder.path + "/source", seed: 1, reference: .paths)
                do {
                    try work.write(to: folder.path + "/data")
                    read += 1
                } catch {
                    holds("\(error)".contains("source"), "\(error)")
                }
                try? FileManager.default.removeItem(atPath: folder.path + "/data")
            }
            try FuzzTests.expect(read)
        }
    }
}
