import Foundation
import Tensors

extension Partition {
    /// Deals the cohorts' subjects and writes the centers' folders: a `cohort.json` each, which names the images where they are,
    /// or, under a scanner of its own, changed images. The folder has its name once it is complete; until then it is
    /// `FOLDER.partial`, which the next try begins anew.
    /// - Parameters:
    ///   - folder: does not exist yet or is empty.
    ///   - shift: how different the centers' scanners are, from 0 to 1; 0: images stay as they are, and where they are.
    /// - Returns: the cohorts by name.
    package func write(
        _ sources: [Cohort], to folder: String, shift: Double
    ) throws(CardiacMRError) -> [Cohort] {
        let partial = folder + ".partial"
        var cohorts = try cohorts(of: sources, in: partial)
        try CohortFolder.requireEmpty(folder)
        try? FileManager.default.removeItem(atPath: partial)
        for index in cohorts.indices {
            let place = cohorts[index].folder
            do {
                try FileManager.default.createDirectory(
                    atPath: shift > 0 ? "\(place)/images" : place, withIntermediateDirectories: true)
            } catch {
                throw .writing(place, error.localizedDescription, "check that the parent folder is writable")
            }
            if shift > 0 { cohorts[index] = try shifted(cohorts[index], shift) }
            try cohorts[index].write()
        }
        do {
            // An empty folder may be there; one that has been filled meanwhile stays, and the move fails.
            rmdir(folder)
            try FileManager.default.moveItem(atPath: partial, toPath: folder)
        } catch {
            throw .writing(folder, error.localizedDescription, "rename \(partial) to it, which is complete")
        }
        for index in cohorts.indices { cohorts[index].folder = "\(folder)/\(cohorts[index].center)" }
        return cohorts
    }

    /// The cohort with images as its own scanner would have them, which are written.
    private func shifted(_ cohort: Cohort, _ strength: Double) throws(CardiacMRError) -> Cohort {
        let scanner = ScannerShift(strength: strength, center: cohort.center, seed: seed)
        let cases = cohort.cases
        var outcomes = cases.map { Result<Case, CardiacMRError>.success($0) }
        let seed = seed
        outcomes.withUnsafeMutableBufferPointer { outcomes in
            nonisolated(unsafe) let outcomes = outcomes
            Parallel.shared.loop(outcomes.count) { index in
                outcomes[index] = Result { () throws(CardiacMRError) in
                    var item = cases[index]
                    let image = try NIfTI.read(cohort.path(of: item.image), frame: item.frame ?? 0)
                    let changed = scanner.apply(to: image, named: "\(cohort.center)/\(item.name)", seed: seed)
                    item.image = "images/\(item.name).nii.gz"
                    item.frame = nil
                    try NIfTI.write(changed, to: "\(cohort.folder)/\(item.image)")
                    return item
                }
            }
        }
        var changed = cohort
        changed.cases = try outcomes.map { (outcome) throws(CardiacMRError) in try outcome.get() }
        return changed
    }
}
