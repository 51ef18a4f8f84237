import Files
import Foundation
import Tensors

/// Turns a public data set in its own layout into cohorts, one per center, that refer to its files where they are.
package struct DataSetImport {
    /// How a cohort names the data set's files.
    package enum Reference: String, Sendable, CaseIterable {
        /// By absolute paths.
        case paths
        /// By symbolic links in the cohort's folder.
        case links
        /// As copies in the cohort's folder.
        case copies
    }

    private let dataSet: DataSet
    private let source: String
    private let seed: UInt64
    private let reference: Reference
    private let splits: [String: Split]?

    /// The cohorts that were written.
    package private(set) var cohorts: [Cohort] = []
    /// What was not imported, and why.
    package private(set) var problems: [ImportProblem] = []

    /// - Parameters:
    ///   - source: the folder that the data set was unpacked to.
    ///   - seed: of the splits, where no table gives them.
    ///   - splitTable: a CSV file with columns `subject` and `split` (train, validation or test).
    package init(
        _ dataSet: DataSet, source: String, seed: UInt64, reference: Reference, splitTable: String? = nil
    ) throws(CardiacMRError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder), isFolder.boolValue else {
            throw .reading(source, "there is no such folder", "give the folder that the data set was unpacked to")
        }
        self.dataSet = dataSet
        self.source = URL(fileURLWithPath: source).standardizedFileURL.path
        self.seed = seed
        self.reference = reference
        splits = try splitTable.map { path throws(CardiacMRError) in try Self.splits(path) }
    }

    /// Finds the cases, checks them and writes a cohort per center into `folder`, which is new or empty.
    package mutating func write(to folder: String) throws(CardiacMRError) {
        try CohortFolder.requireEmpty(folder)
        var finder = CaseFinder(source: source)
        try finder.find(dataSet)
        problems = finder.problems
        var good: [(item: ImportedCase, spacing: SIMD3<Double>)] = []
        for item in finder.cases { if let spacing = check(item) { good.append((item, spacing)) } }
        guard !good.isEmpty else {
            throw .reading(
                source,
                "no labelled case of \(dataSet.rawValue) was found in it"
                    + (problems.first.map { " (\($0.subject): \($0.detail), and \(problems.count - 1) more)" } ?? ""),
                "give the folder that the data set was unpacked to, with its own names of folders and files")
        }
        for center in Set(good.map(\.item.center)).sorted() {
            cohorts.append(try cohort(center, good.filter { $0.item.center == center }, folder))
        }
        for subject in (splits ?? [:]).keys.sorted()
        where !cohorts.contains(where: { $0.cases.contains { $0.subject == subject } }) {
            problems.append(
                .init(kind: .missing, subject: subject, detail: "the table of splits names it, but it has no case"))
        }
    }

    /// The spacing of a case that can be used; what cannot is noted. A case is judged as training judges it.
    private mutating func check(_ item: ImportedCase) -> SIMD3<Double>? {
        let name = "\(item.subject)-\(item.phase.rawValue)"
        func leaveOut(_ kind: ImportProblem.Kind, _ reason: String) {
            problems.append(.init(kind: kind, subject: name, detail: "\(reason); left out"))
        }
        do {
            let image = try NIfTI.header(of: item.image)
            let label = try NIfTI.header(of: item.label)
            for (header, frame, path) in [(image, item.frame, item.image), (label, item.labelFrame, item.label)] {
                if let frame, !(0..<header.frames).contains(frame) {
                    leaveOut(
                        .contradictory,
                        "\(path) has \(header.frames) frames, not the frame \(frame) (from 0) that the data set names")
                    return nil
                }
            }
            let spacing = image.grid.spacing
            let probe = Cohort(
                center: "", vendor: "", sequence: "", classes: dataSet.classes, labelValues: dataSet.labelValues,
                splits: [:], cases: [], folder: "/")
            let volumes: CaseVolumes
            do {
                volumes = try CaseVolumes(
                    Case(
                        image: item.image, label: item.label, subject: item.subject, phase: item.phase,
                        spacing: spacing, frame: item.frame, labelFrame: item.labelFrame), of: probe)
            } catch  where error.attempted == "use" {
                leaveOut(.contradictory, "\(error)")
                return nil
            }
            guard volumes.labels.labels.contains(where: { $0 != 0 }) else {
                leaveOut(.unlabelled, "the segmentation \(item.label) is empty")
                return nil
            }
            guard !volumes.isContradictory else {
                leaveOut(.contradictory, volumes.warnings.first ?? item.label)
                return nil
            }
            for warning in volumes.warnings {
                problems.append(.init(kind: .odd, subject: name, detail: warning))
            }
            return spacing
        } catch {
            leaveOut(.missing, "\(error)")
            return nil
        }
    }

    private mutating func cohort(
        _ center: String, _ found: [(item: ImportedCase, spacing: SIMD3<Double>)], _ folder: String
    ) throws(CardiacMRError) -> Cohort {
        let place = "\(folder)/\(center)"
        var cases: [Case] = []
        for (item, spacing) in found {
            cases.append(
                Case(
                    image: try refer(item.image, "images", item, place),
                    label: try refer(item.label, "labels", item, place),
                    subject: item.subject, phase: item.phase, spacing: spacing, frame: item.frame,
                    labelFrame: item.labelFrame))
        }
        cases.sort { ($0.subject, $0.phase.rawValue) < ($1.subject, $1.phase.rawValue) }
        let vendors = Set(found.map(\.item.vendor)).subtracting([""]).sorted()
        let cohort = Cohort(
            center: center, vendor: vendors.isEmpty ? "unknown" : vendors.joined(separator: ", "),
            sequence: dataSet.sequence, classes: dataSet.classes, labelValues: dataSet.labelValues,
            splits: distribute(Set(cases.map(\.subject)).sorted(), center), cases: cases, folder: place)
        do {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        } catch {
            throw .writing(place, error.localizedDescription, "check that the parent folder is writable")
        }
        try cohort.write()
        return cohort
    }

    /// The name of a file as the cohort has it; makes the link or the copy.
    private func refer(
        _ path: String, _ kind: String, _ item: ImportedCase, _ place: String
    ) throws(CardiacMRError) -> String {
        guard reference != .paths else { return path }
        let ending = ImageName.ending(of: path) ?? ".nii"
        // Both phases of a 4-D image are in one file.
        let name = "\(kind)/\(item.subject)\(item.frame == nil ? "-\(item.phase.rawValue)" : "")\(ending)"
        for (source, target) in zip(ImageName.files(of: path), ImageName.files(of: "\(place)/\(name)"))
        where !FileManager.default.fileExists(atPath: target) {
            do {
                try FileManager.default.createDirectory(atPath: "\(place)/\(kind)", withIntermediateDirectories: true)
                if reference == .links {
                    try FileManager.default.createSymbolicLink(atPath: target, withDestinationPath: source)
                } else {
                    try FileManager.default.copyItem(
                        atPath: URL(fileURLWithPath: source).resolvingSymlinksInPath().path, toPath: target)
                    // A copy takes over who may read; it is as private as what is made beside it.
                    try FileAccess.restrict(target)
                }
            } catch {
                throw .writing(
                    target, error.localizedDescription, "check the folder's permissions and the disk's free space")
            }
        }
        return name
    }

    /// Splits by the table, else drawn by the seed.
    private mutating func distribute(_ subjects: [String], _ center: String) -> [Split: [String]] {
        guard let splits else {
            var random = RandomStream(seed: seed, purpose: "import splits \(center)")
            return Split.distribute(random.permutation(of: subjects.count).map { subjects[$0] })
        }
        var result: [Split: [String]] = [.train: [], .validation: [], .test: []]
        for subject in subjects {
            if let split = splits[subject] {
                result[split]?.append(subject)
            } else {
                problems.append(
                    .init(
                        kind: .missing, subject: subject,
                        detail: "the table of splits does not name it; it is in none"))
            }
        }
        return result
    }

    private static func splits(_ path: String) throws(CardiacMRError) -> [String: Split] {
        let table = try Table(path: path)
        let (subject, split) = (try table.column("subject"), try table.column("split"))
        var result: [String: Split] = [:]
        for row in table.rows {
            let name = row[subject] ?? ""
            guard let value = Split(rawValue: (row[split] ?? "").lowercased()) else {
                throw .reading(
                    path, "subject \(name) has the split \"\(row[split] ?? "")\"", "use train, validation or test")
            }
            if let other = result.updateValue(value, forKey: name), other != value {
                throw .reading(path, "subject \(name) is in two splits", "name every subject once")
            }
        }
        return result
    }
}
