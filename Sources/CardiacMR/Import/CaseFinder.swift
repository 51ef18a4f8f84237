import Foundation

/// Looks for a data set's labelled images by its layout's names.
struct CaseFinder {
    /// The data set's folder, absolute.
    let source: String
    private(set) var cases: [ImportedCase] = []
    private(set) var problems: [ImportProblem] = []
    private var seen: Set<String> = []

    init(source: String) { self.source = source }

    /// Finds all cases of a data set.
    mutating func find(_ dataSet: DataSet) throws(CardiacMRError) {
        switch dataSet {
        case .mnms: try findMnMs()
        case .mnms2: try findMnMs2()
        case .acdc: try findACDC()
        case .emidec: findEMIDEC()
        case .mscmr: findMSCMR()
        }
    }

    /// Adds a case, unless it is there already.
    mutating func add(_ item: ImportedCase) {
        guard seen.insert("\(item.subject)/\(item.phase.rawValue)").inserted else {
            return note(
                .duplicated, "\(item.subject)-\(item.phase.rawValue)",
                "\(item.image) is left out; another file came first")
        }
        cases.append(item)
    }

    mutating func note(_ kind: ImportProblem.Kind, _ subject: String, _ detail: String) {
        problems.append(.init(kind: kind, subject: subject, detail: detail))
    }

    /// The names in a folder, sorted; none where it is not there.
    func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Every file below the source, sorted by path.
    func allFiles() -> [String] {
        let enumerator = FileManager.default.enumerator(atPath: source)
        var files: [String] = []
        while let name = enumerator?.nextObject() as? String { files.append("\(source)/\(name)") }
        return files.sorted()
    }

    /// `path.nii.gz` or `path.nii`, whichever is there.
    func image(_ path: String) -> String? {
        [".nii.gz", ".nii"].map { path + $0 }.first(where: FileStatus.isFile)
    }

    /// The folders named so at the source or one or two levels below it: archives differ in what they are unpacked to.
    func folders(_ name: String) -> [String] {
        let below = names(in: source)
        let deeper = below.flatMap { first in names(in: "\(source)/\(first)").map { "\(first)/\($0)" } }
        let candidates = [name] + below.map { "\($0)/\(name)" } + deeper.map { "\($0)/\(name)" }
        return candidates.map { "\(source)/\($0)" }.filter { !names(in: $0).isEmpty }
    }
}
