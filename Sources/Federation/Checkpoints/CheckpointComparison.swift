import FederatedLearning
import Foundation
import HDF5

/// Compares two checkpoints dataset by dataset, bit by bit.
///
/// What is compared is the state, not the files: where contrastive re-localization was kept makes no difference, nor do
/// the times of writing.
package struct CheckpointComparison {
    /// Datasets that were compared.
    package private(set) var compared = 0
    /// What differs, a sentence each.
    package private(set) var differences: [String] = []

    /// Compares two checkpoints, each given as a run's folder (then its newest) or as a checkpoint's folder.
    package init(_ first: String, _ second: String) throws {
        let (a, b) = (try Self.open(first), try Self.open(second))
        if a.manifest.position != b.manifest.position {
            differences.append(
                "\(first) is of \(a.manifest.position.description), \(second) of \(b.manifest.position.description)")
        }
        for center in Set(a.manifest.trainedRounds.keys).symmetricDifference(b.manifest.trainedRounds.keys).sorted() {
            differences.append(
                "center \(center) is only in \(a.manifest.trainedRounds[center] != nil ? first : second)")
        }
        try compare(a.server, b.server)
        for center in a.manifest.trainedRounds.keys.sorted() where b.manifest.trainedRounds[center] != nil {
            // Who was not trained yet is as the seed makes it.
            let sides = [a, b].filter { $0.hasFile(center) }
            guard sides.count == 2 else {
                if let only = sides.first { differences.append("center \(center) has a state only in \(only.path)") }
                continue
            }
            try compare(a.center(center), b.center(center))
            let banks = [a, b].map { $0.bank(center) }
            // Methods without history have none; in the middle of a round it lies in the center's file.
            guard banks != [a, b].map({ $0.center(center) }) else { continue }
            if banks.contains(where: FileManager.default.fileExists) { try compare(banks[0], banks[1], ["bank"]) }
        }
    }

    private struct Side {
        let folder: RunFolder
        let manifest: Manifest
        let path: String
        private let states: [String: String]

        init(folder: RunFolder, manifest: Manifest, path: String) {
            (self.folder, self.manifest, self.path) = (folder, manifest, path)
            states = manifest.stateFiles()
        }

        var server: String { path + "/server.h5" }
        private func file(_ name: String) -> String? { states[StatePart.center.fileName(name)] }
        func hasFile(_ name: String) -> Bool { file(name) != nil }
        func center(_ name: String) -> String { "\(folder.path)/\(file(name) ?? name)" }
        func bank(_ name: String) -> String {
            manifest.isUnderWay(name)
                ? center(name)
                : "\(folder.path)/\(RunFolder.bank(center: name, round: manifest.trainedRounds[name] ?? 0))"
        }
    }

    private static func open(_ path: String) throws -> Side {
        let path = path.hasSuffix("/") ? String(path.dropLast()) : path
        if FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)") {
            return Side(
                folder: RunFolder(ofCheckpoint: path), manifest: try Manifest.read(folder: path), path: path)
        }
        let run = try RunAccess(path, inRound: true)
        return Side(folder: run.folder, manifest: run.manifest, path: run.folder.checkpoint(run.manifest.position))
    }

    /// Compares the datasets of two files, in all groups but those that describe a file or lead to others.
    private mutating func compare(_ first: String, _ second: String, _ only: Set<String>? = nil) throws {
        let a = try HDF5File.open(at: first)
        let b = try HDF5File.open(at: second)
        let all = Set(try a.children(of: "/")).union(try b.children(of: "/"))
        let groups = only ?? all.subtracting(["info", "centers"])
        for group in groups.sorted() {
            func names(_ file: borrowing HDF5File) throws -> Set<String> {
                file.exists(group) ? Set(try file.datasets(under: group)) : []
            }
            let (ours, theirs) = (try names(a), try names(b))
            for name in ours.symmetricDifference(theirs).sorted() {
                differences.append("\(name) is only in \(ours.contains(name) ? first : second)")
            }
            for name in ours.intersection(theirs).sorted() {
                compared += 1
                let same =
                    name.hasSuffix("/step")
                    ? try a.read(name, as: Int64.self) == b.read(name, as: Int64.self)
                    : try a.read(name, as: Float.self).map(\.bitPattern)
                        == b.read(name, as: Float.self).map(\.bitPattern)
                if !same { differences.append("\(name) differs between \(first) and \(second)") }
            }
        }
    }
}
