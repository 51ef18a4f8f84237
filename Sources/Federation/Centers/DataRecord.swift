import CardiacMR
import Foundation

/// What the data of a center was when its run began: a fingerprint of each case that is in a split.
///
/// A run that is resumed on other images or labels would go on without a word, and be none that can be repeated. The
/// record is a file of the run, `data/<center>-<crc32>.json`, that every checkpoint names; its rank alone reads it.
package struct DataRecord: Codable, Equatable, Sendable {
    /// The center.
    package var center: String
    /// Size, voxel sizes and checksums of each case, by subject and phase (`CaseVolumes.fingerprint`).
    package var cases: [String: String]
    /// The split of each case.
    package var splits: [String: String]
    /// The key that others know the center by; nil where it has none.
    package var publicKey: String?

    /// Reads all of a center's cases that are in a split.
    /// - Parameters:
    ///   - problems: gets a sentence for each case that cannot be used.
    ///   - warnings: gets what is odd.
    ///   - between: called now and then meanwhile.
    package init(
        of cohort: Cohort, problems: inout [String], warnings: inout [String], between: () -> Void = {}
    ) {
        center = cohort.center
        publicKey = cohort.publicKey
        (cases, splits) = ([:], [:])
        for split in Split.allCases {
            for item in cohort.cases(in: split) {
                let reading = Ahead(isAlone: true) { Result { () throws(CardiacMRError) in try Look(item, cohort) } }
                switch reading.value(whileWaiting: between) {
                case .success(let look):
                    cases[item.name] = look.fingerprint
                    warnings += look.warnings
                case .failure(let error): problems.append(error.description)
                }
                splits[item.name] = split.rawValue
                between()
            }
        }
    }

    private struct Look: Sendable {
        let fingerprint: String
        let warnings: [String]

        init(_ item: Case, _ cohort: Cohort) throws(CardiacMRError) {
            let volumes = try CaseVolumes(item, of: cohort)
            (fingerprint, warnings) = (volumes.fingerprint, volumes.warnings)
        }
    }

    // MARK: Comparing

    /// What is otherwise than it was, a sentence each that names the case.
    package func differences(from old: DataRecord) -> [String] {
        // A center may get its first key during a run.
        let keys =
            old.publicKey == nil || old.publicKey == publicKey
            ? [] : ["center \(center) is known by another public key than it was"]
        return keys
            + Set(cases.keys).union(old.cases.keys).sorted().compactMap { name in
                switch (old.cases[name], cases[name]) {
                case (nil, _): "case \(name) of center \(center) was not there"
                case (_, nil): "case \(name) of center \(center) is gone"
                case (let before?, let now?) where before != now:
                    "case \(name) of center \(center) is not what it was: \(before) then, \(now) now"
                default:
                    splits[name] == old.splits[name]
                        ? nil : "case \(name) of center \(center) was in the split \(old.splits[name] ?? "none")"
                }
            }
    }

    // MARK: On disk

    /// The names that a manifest lists the records of centers by; those of earlier programs list none.
    static func files(in manifest: Manifest) -> [String: String] {
        let (prefix, suffix) = ("data/", "-00000000.json")
        return manifest.files.keys.filter { $0.hasPrefix(prefix) && $0.utf8.count > prefix.count + suffix.count }
            .reduce(into: [:]) { names, name in
                names[String(name.dropFirst(prefix.count).dropLast(suffix.count))] = name
            }
    }

    /// Writes the record into a run; returns its name there, with size and checksum.
    func write(to folder: RunFolder) throws -> (name: String, fingerprint: DurableFile.Fingerprint) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
        let fingerprint = DurableFile.Fingerprint(size: text.count, crc32: DurableFile.crc32(of: text))
        let name = "data/\(center)-\(fingerprint.crc32).json"
        try DurableFile.makeFolder(folder.data)
        try DurableFile.write(text, to: "\(folder.path)/\(name)")
        return (name, fingerprint)
    }

    /// Reads a record of a run.
    /// - Parameter name: as a manifest lists it.
    static func read(_ name: String, in folder: RunFolder) throws -> DataRecord {
        let path = "\(folder.path)/\(name)"
        do { return try JSONDecoder().decode(DataRecord.self, from: Data(contentsOf: URL(filePath: path))) } catch {
            throw FederationError(
                attempted: "read", subject: path, reason: "it is not what the run wrote, or cannot be read",
                remedy: "put the file back, or resume with --accept-changed-data")
        }
    }
}
