import CardiacMR
import MPI

/// Reads all images and labels of a run before it starts, on the ranks that host their centers: whether each case can be
/// used, and whether it is what it was when the run began.
struct DataCheck {
    private let rank: RankContext
    private let folder: RunFolder

    init(_ rank: RankContext, _ folder: RunFolder) {
        self.rank = rank
        self.folder = folder
    }

    /// The complaints of a rank: what is wrong, and what has changed.
    private struct Finding: Codable {
        var problems: [String] = []
        var changes: [String] = []
        var keys: [String] = []
        var files: [String: DurableFile.Fingerprint] = [:]
    }

    /// Checks the cohorts, on all ranks.
    /// - Parameters:
    ///   - checkpoint: the one that the run continues from.
    ///   - needsKeys: whether each center signs what it says.
    /// - Returns: on the root the files that record the data, as a manifest lists them.
    /// - Throws: on all ranks where a case of any split cannot be used, or has changed without leave.
    func run(
        _ cohorts: [Cohort], checkpoint: Manifest?, acceptingChanges: Bool, needsKeys: Bool = false
    ) throws -> [String: DurableFile.Fingerprint] {
        let assignment = CenterAssignment(volumes: cohorts.map { $0.cases(in: .train).count }, ranks: rank.size)
        let earlier = acceptingChanges ? [:] : checkpoint.map(DataRecord.files) ?? [:]
        var finding = Finding()
        var records: [DataRecord] = []
        for center in assignment.centers(of: rank.rank) {
            if needsKeys {
                do { _ = try CenterKeys.identity(of: cohorts[center]) } catch {
                    finding.keys.append("center \(cohorts[center].center): \(error.reason)")
                }
            }
            var warnings: [String] = []
            let record = DataRecord(of: cohorts[center], problems: &finding.problems, warnings: &warnings) {
                try? rank.communicator.attend()
            }
            for warning in warnings { Messages.warn(warning) }
            if let name = earlier[record.center] {
                finding.changes += record.differences(from: try DataRecord.read(name, in: folder))
            }
            records.append(record)
        }
        try refuse(
            finding.problems, attempted: "train on",
            remedy:
                "repair these cases, or take their subjects out of \"splits\" in cohort.json; `fedcrld check` lists them all"
        )
        try refuse(
            finding.changes, attempted: "resume on",
            remedy: "put the data back as it was, or go on with what it is now by --accept-changed-data")
        try refuse(
            finding.keys, attempted: "sign for", subject: "the centers",
            remedy:
                "put each center's \(CenterKeys.fileName) into its folder, or make new keys with `fedcrld keys FOLDER --renew`"
        )
        for record in records {
            let (name, fingerprint) = try record.write(to: folder)
            finding.files[name] = fingerprint
        }
        let all = try rank.gather(finding.files) ?? []
        return all.reduce(into: [:]) { $0.merge($1) { $1 } }
    }

    /// Ends all ranks where one has a complaint; each rank says its own, the root names the first.
    private func refuse(_ complaints: [String], attempted: String, subject: String = "the data", remedy: String) throws
    {
        let counts = try rank.shareAll(complaints.count)
        let total = counts.reduce(0, +)
        guard total > 0 else { return }
        // Others than the first are warnings, so that the message stays one.
        let first = counts.firstIndex { $0 > 0 }
        for complaint in complaints.dropFirst(first == rank.rank ? 1 : 0).prefix(20) { Messages.warn(complaint) }
        let firsts = try rank.shareAll(complaints.first ?? "")
        let found = firsts.first { !$0.isEmpty } ?? ""
        let more = total > 1 ? ", and \(total - 1) more (see the warnings)" : ""
        throw AgreedFailure(
            onRoot: rank,
            FederationError(
                attempted: attempted, subject: subject, reason: found + more, remedy: remedy))
    }
}
