/// A moment of the heart's cycle.
package enum Phase: String, Codable, Sendable, CaseIterable {
    /// End diastole: the heart at its fullest.
    case endDiastole = "ED"
    /// End systole: the heart at its smallest.
    case endSystole = "ES"
}

/// The three parts of a center's data. Subjects, not cases, are distributed: phases of one subject stay together.
package enum Split: String, Codable, Sendable, CaseIterable {
    case train, validation, test

    /// Distributes subjects in the order given: 30 % to test, 10 % to validate, the rest to train on; at least one to train
    /// on and, of two or more, one to test. Each split is sorted.
    package static func distribute(_ subjects: [String]) -> [Split: [String]] {
        let count = subjects.count
        let test = min(max(1, Int((0.3 * Double(count)).rounded())), max(0, count - 1))
        let validation = max(0, min(Int((0.1 * Double(count)).rounded()), count - test - 1))
        return [
            .test: subjects[..<test].sorted(), .validation: subjects[test..<test + validation].sorted(),
            .train: subjects[(test + validation)...].sorted(),
        ]
    }
}

/// One labelled image of a cohort.
package struct Case: Codable, Hashable, Sendable {
    /// The image's NIfTI file, relative to the cohort's folder or absolute.
    package var image: String
    /// The segmentation's NIfTI file, likewise.
    package var label: String
    /// Who it shows.
    package var subject: String
    /// When in the cycle.
    package var phase: Phase
    /// Voxel sizes (x, y, z) in mm, as the image's header says them.
    package var spacing: SIMD3<Double>
    /// The frame of a 4-D image, from 0; nil for a 3-D one.
    package var frame: Int?
    /// The frame of a 4-D segmentation, from 0; nil for a 3-D one.
    package var labelFrame: Int?

    /// A case of a cohort.
    package init(
        image: String, label: String, subject: String, phase: Phase, spacing: SIMD3<Double>, frame: Int? = nil,
        labelFrame: Int? = nil
    ) {
        self.image = image
        self.label = label
        self.subject = subject
        self.phase = phase
        self.spacing = spacing
        self.frame = frame
        self.labelFrame = labelFrame
    }

    /// What names the case among a cohort's: subject and phase.
    package var name: String { "\(subject)-\(phase.rawValue)" }
}
