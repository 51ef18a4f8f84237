import Foundation
import Tensors

/// Writes cohorts of simulated centers: heterogeneous as real ones are, with nobody's data in them.
///
/// A subject is a function of (seed, center, subject): fewer subjects or centers give the same first ones, and the number
/// of threads changes nothing.
package struct PhantomSimulator: Sendable {
    /// How many centers, subjects and voxels there are.
    package let settings: PhantomSettings

    /// - Throws: an error that names the setting out of range.
    package init(_ settings: PhantomSettings) throws(CardiacMRError) {
        try settings.validate()
        self.settings = settings
    }

    /// The name of a center (counted from 0), as in `center-1-siemens-bssfp`.
    package func name(ofCenter center: Int) -> String {
        let profile = CenterProfile.profile(
            ofCenter: center, heterogeneity: settings.heterogeneity, seed: settings.seed)
        // Equal widths, so that names sort as numbers do.
        let digits = String(settings.centers).count
        let number = String(center + 1)
        let padded = String(repeating: "0", count: digits - number.count) + number
        return "center-\(padded)-\(profile.vendor)-\(profile.sequence.rawValue)".lowercased()
    }

    /// Simulates all centers and writes one folder for each. A center's `cohort.json` comes last, so that what an
    /// interrupted simulation leaves behind is not taken for a cohort.
    /// - Parameter folder: does not exist yet or is empty.
    /// - Returns: the cohorts in order of the centers.
    @discardableResult
    package func write(to folder: String) throws(CardiacMRError) -> [Cohort] {
        try prepare(folder)
        let count = settings.centers * settings.subjects
        var outcomes = [Result<[Case], CardiacMRError>](repeating: .success([]), count: count)
        outcomes.withUnsafeMutableBufferPointer { outcomes in
            Parallel.shared.loop(count) { task in
                outcomes[task] = write(
                    subject: task % settings.subjects, ofCenter: task / settings.subjects, to: folder)
            }
        }
        var cohorts: [Cohort] = []
        for center in 0..<settings.centers {
            var cases: [Case] = []
            for subject in 0..<settings.subjects {
                cases += try outcomes[center * settings.subjects + subject].get()
            }
            let cohort = cohort(center, cases, folder)
            try cohort.write()
            cohorts.append(cohort)
        }
        return cohorts
    }

    private func prepare(_ folder: String) throws(CardiacMRError) {
        try CohortFolder.requireEmpty(folder)
        let files = FileManager.default
        do {
            for center in 0..<settings.centers {
                for kind in ["images", "labels"] {
                    try files.createDirectory(
                        atPath: "\(folder)/\(name(ofCenter: center))/\(kind)", withIntermediateDirectories: true)
                }
            }
        } catch {
            throw .writing(folder, error.localizedDescription, "check that the parent folder is writable")
        }
    }

    private func write(
        subject: Int, ofCenter center: Int, to folder: String
    ) -> Result<[Case], CardiacMRError> {
        let phantom = PhantomSubject(settings: settings, center: center, subject: subject)
        let name = subjectName(subject)
        return Result { () throws(CardiacMRError) in
            var cases: [Case] = []
            for phase in phantom.profile.sequence.phases {
                let rendered = phantom.render(phase)
                let item = Case(
                    image: "images/\(name)-\(phase.rawValue).nii.gz", label: "labels/\(name)-\(phase.rawValue).nii.gz",
                    subject: name, phase: phase, spacing: phantom.grid.spacing)
                let place = "\(folder)/\(self.name(ofCenter: center))"
                try NIfTI.write(rendered.image, to: "\(place)/\(item.image)", as: .int16)
                try NIfTI.write(rendered.label, to: "\(place)/\(item.label)")
                cases.append(item)
            }
            return cases
        }
    }

    private func subjectName(_ subject: Int) -> String {
        let digits = max(3, String(settings.subjects).count)
        let number = String(subject + 1)
        return "subject-" + String(repeating: "0", count: digits - number.count) + number
    }

    private func cohort(_ center: Int, _ cases: [Case], _ folder: String) -> Cohort {
        let profile = CenterProfile.profile(
            ofCenter: center, heterogeneity: settings.heterogeneity, seed: settings.seed)
        var random = RandomStream(seed: settings.seed, purpose: "phantom splits", center)
        let names = random.permutation(of: settings.subjects).map { subjectName($0) }
        let center = name(ofCenter: center)
        return Cohort(
            center: center, vendor: profile.vendor, sequence: profile.sequence.rawValue,
            classes: profile.sequence.classes,
            splits: Split.distribute(names), cases: cases, folder: "\(folder)/\(center)")
    }
}
