import CardiacMR
import Foundation
import HDF5

/// Prepared training volumes on disk: one HDF5 file per center, of use as long as settings and files are the same.
///
///     CACHE/<center>.h5    /info: key, count;    /000000/{image, labels} with subject, phase, the native grid and a checksum
///
/// A file of another key, or one that cannot be read or is not what was written, is made again. The cache is a convenience: that it cannot be written
/// is a warning and no reason to end.
struct SampleCache: Sendable {
    private let folder: String
    private let settings: PreprocessingSettings
    private let warn: @Sendable (String) -> Void

    /// Changes when prepared volumes of the same key would be others.
    private static let format = 2

    init(folder: String, settings: PreprocessingSettings, warn: @escaping @Sendable (String) -> Void) {
        self.folder = folder
        self.settings = settings
        self.warn = warn
    }

    /// The samples of a center's training cases, from the file or else from `prepare`.
    func samples(
        _ cohort: Cohort, prepare: () throws(CardiacMRError) -> [Sample]
    ) throws(CardiacMRError) -> [Sample] {
        let cases = cohort.cases(in: .train)
        // A file that cannot be read is what `prepare` complains of.
        guard let key = try? key(cohort, cases) else { return try prepare() }
        let path = "\(folder)/\(cohort.center).h5"
        if let found = try? read(path, key: key, cohort, cases) { return found }
        let samples = try prepare()
        do { try write(samples, to: path, key: key) } catch {
            warn("the prepared volumes of \(cohort.center) are not kept: \(error)")
        }
        return samples
    }

    /// A checksum of all that the samples depend on: settings, classes, cases and the bytes of their files.
    private func key(_ cohort: Cohort, _ cases: [Case]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var text = "format \(Self.format)\n" + String(decoding: try encoder.encode(settings), as: UTF8.self)
        text += "\n\(cohort.classes) \(cohort.labelValues ?? [])\n"
        var fingerprints: [String: DurableFile.Fingerprint] = [:]
        for item in cases {
            text += "\(item.name) \(item.spacing) \(item.frame ?? -1) \(item.labelFrame ?? -1)"
            for file in [item.image, item.label] {
                let path = cohort.path(of: file)
                let found = try fingerprints[path] ?? DurableFile.fingerprint(path)
                fingerprints[path] = found
                text += " \(found.size) \(found.crc32)"
            }
            text += "\n"
        }
        return "\(text.utf8.count)-\(DurableFile.crc32(of: Array(text.utf8)))"
    }

    private func read(_ path: String, key: String, _ cohort: Cohort, _ cases: [Case]) throws -> [Sample]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file = try HDF5File.open(at: path)
        let found: String = try file.attribute("key", of: "info")
        guard found == key else { return nil }
        var samples: [Sample] = []
        for (index, item) in cases.enumerated() {
            let group = Self.name(index)
            let grid: [Double] = try file.attribute("grid", of: group)
            let size: [Int] = try file.attribute("size", of: group)
            guard grid.count == 15, size.count == 3 else { return nil }
            let native = Grid(
                size: [size[0], size[1], size[2]], spacing: [grid[0], grid[1], grid[2]],
                affine: Affine(
                    x: [grid[3], grid[4], grid[5]], y: [grid[6], grid[7], grid[8]], z: [grid[9], grid[10], grid[11]],
                    origin: [grid[12], grid[13], grid[14]]),
                isPlaced: try file.attribute("placed", of: group) == 1)
            let image: [Float] = try file.read(group + "/image")
            let labels: [UInt8] = try file.read(group + "/labels")
            let checksum: String = try file.attribute("crc32", of: group)
            let subject: String = try file.attribute("subject", of: group)
            let geometry = SampleGeometry(native: native, settings: settings)
            guard checksum == Self.checksum(image, labels), subject == item.subject,
                image.count == geometry.size.count, labels.count == image.count
            else { return nil }
            samples.append(
                Sample(
                    image: image, labels: labels,
                    classes: cohort.classes.count, center: cohort.center, subject: item.subject, phase: item.phase,
                    geometry: geometry,
                    warnings: try file.attribute("warnings", of: group)))
        }
        return samples
    }

    private static func checksum(_ image: [Float], _ labels: [UInt8]) -> String {
        DurableFile.crc32(of: image.withUnsafeBytes { Array($0) } + labels)
    }

    /// Writes beside and renames, flushed: another job that trains on the same data sees a whole file or none.
    private func write(_ samples: [Sample], to path: String, key: String) throws {
        try DurableFile.makeFolder(folder)
        let file = try StagedFile(path) { file in
            try file.createGroup("info")
            try file.setAttribute("key", of: "info", to: key)
            try file.setAttribute("count", of: "info", to: samples.count)
            for (index, sample) in samples.enumerated() {
                let group = Self.name(index)
                let shape = [sample.size.depth, sample.size.height, sample.size.width]
                let labels = sample.labels ?? []
                let (grid, affine) = (sample.geometry.native, sample.geometry.native.affine)
                try file.write(sample.image, shape: shape, to: group + "/image")
                try file.write(labels, shape: shape, to: group + "/labels")
                try file.setAttribute("crc32", of: group, to: Self.checksum(sample.image, labels))
                try file.setAttribute("subject", of: group, to: sample.subject)
                try file.setAttribute("phase", of: group, to: sample.phase?.rawValue ?? "")
                try file.setAttribute("size", of: group, to: [grid.size.x, grid.size.y, grid.size.z])
                try file.setAttribute(
                    "grid", of: group,
                    to: [grid.spacing, affine.x, affine.y, affine.z, affine.origin].flatMap { [$0.x, $0.y, $0.z] })
                try file.setAttribute("placed", of: group, to: grid.isPlaced ? 1 : 0)
                try file.setAttribute("warnings", of: group, to: sample.warnings)
            }
        }
        try file.write(isShared: true)
    }

    private static func name(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }
}
