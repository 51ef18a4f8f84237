import Files
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

    /// The names in a folder, sorted, without hidden ones and what macOS adds; none where it is not there.
    func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter(Self.isOwn).sorted()
    }

    /// Every file below the source, sorted by path, without hidden ones and what macOS adds.
    func allFiles() -> [String] {
        let enumerator = FileManager.default.enumerator(atPath: source)
        var files: [String] = []
        while let name = enumerator?.nextObject() as? String {
            if name.split(separator: "/").allSatisfy({ Self.isOwn(String($0)) }) { files.append("\(source)/\(name)") }
        }
        return files.sorted()
    }

    private static func isOwn(_ name: String) -> Bool { !name.hasPrefix(".") && name != "__MACOSX" }

    /// The image of a name without ending, `.nii.gz`, `.nii` or `.hdr` in any case, whichever is there.
    func image(_ path: String) -> String? {
        if let usual = [".nii.gz", ".nii"].map({ path + $0 }).first(where: FileStatus.isFile) { return usual }
        let (folder, name) = (Path.parent(of: path), Path.name(of: path))
        return names(in: folder).first { ImageName.isImage($0) && ImageName.stem(of: $0) == name }
            .map { "\(folder)/\($0)" }.flatMap { FileStatus.isFile($0) ? $0 : nil }
    }

    /// The folders named so at the source or one or two levels below it: archives differ in what they are unpacked to.
    func folders(_ name: String) -> [String] {
        let below = names(in: source)
        let deeper = below.flatMap { first in names(in: "\(source)/\(first)").map { "\(first)/\($0)" } }
        let candidates = [name] + below.map { "\($0)/\(name)" } + deeper.map { "\($0)/\(name)" }
        return candidates.map { "\(source)/\($0)" }.filter { !names(in: $0).isEmpty }
    }
}
