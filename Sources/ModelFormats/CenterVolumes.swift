import CardiacMR
import Federation
import HDF5

/// A center's volumes as its network sees them, for programs that train or test it elsewhere: an HDF5 file.
///
///     /train/subject-001-ED/{image, labels}    float32 and uint8, (D, H, W);    /validation/…, /test/…
///     /info                                    attributes: center, classes
package enum CenterVolumes {
    /// Prepares all cases of a center as a run's settings say and writes them.
    /// - Parameter warn: is told what is odd about the files.
    /// - Throws: where there is no such cohort, a case cannot be used, or the file cannot be written.
    package static func write(
        of center: String, in cohorts: [Cohort], _ configuration: Configuration, to path: String,
        _ warn: (String) -> Void
    ) throws {
        guard let cohort = cohorts.first(where: { $0.center == center }) else {
            throw FederationError(
                kind: .configuration, attempted: "export the volumes of", subject: center,
                reason: "the data has only \(cohorts.map(\.center).joined(separator: ", "))",
                remedy: "name the folder that has its cohort: --data")
        }
        let preprocessing = try Preprocessing(configuration.preprocessing.settings)
        try StagedFile(path) { file in
            try file.createGroup("info")
            try file.setAttribute("center", of: "info", to: center)
            try file.setAttribute("classes", of: "info", to: cohort.classes)
            for split in Split.allCases {
                for item in cohort.cases(in: split) {
                    let sample = try preprocessing.sample(of: item, in: cohort)
                    sample.warnings.forEach(warn)
                    let group = "\(split.rawValue)/\(item.name)"
                    let shape = [sample.size.depth, sample.size.height, sample.size.width]
                    try file.write(sample.image, shape: shape, to: "\(group)/image")
                    try file.write(sample.labels ?? [], shape: shape, to: "\(group)/labels")
                }
            }
        }.write()
    }
}
