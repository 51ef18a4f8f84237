import Foundation

/// Appends lines to a run's `metrics.jsonl`: one JSON object for each round and each evaluation.
///
/// Each line is one write, so that a crash leaves at most the last one incomplete. When a run is resumed from a
/// checkpoint, the lines of the rounds after it are dropped: those rounds are about to be run again. So are those of
/// validations that the checkpoint does not know of.
package final class MetricsWriter {
    /// The file's path.
    package let path: String
    /// Lines of later rounds that were dropped when the file was opened.
    package let droppedLines: Int
    /// Lines that were dropped because they are no JSON object with a round: normally none, or the one being written
    /// at a crash.
    package let damagedLines: Int
    private let handle: FileHandle

    /// Opens or creates the file, and drops the lines of rounds after `round`.
    ///
    /// The file with fewer lines takes the old one's place by a rename: a crash leaves one of the two.
    /// - Parameters:
    ///   - path: the file.
    ///   - round: the round of the checkpoint that the run continues from; 0 for a run that begins.
    ///   - validated: the last round whose validation that checkpoint knows; nil where nothing is chosen by validations.
    package init(path: String, resumingAfter round: Int, validated: Int? = nil) throws(FederationError) {
        self.path = path
        let url = URL(fileURLWithPath: path)
        do {
            let old = FileManager.default.fileExists(atPath: path) ? try Data(contentsOf: url) : Data()
            let lines = Self.sort(old, upTo: round, validated: validated ?? round)
            (droppedLines, damagedLines) = (lines.later, lines.damaged)
            if lines.kept != old || !FileManager.default.fileExists(atPath: path) {
                try Self.replace(path, by: lines.kept)
            }
            handle = try FileHandle(forUpdating: url)
            try handle.seekToEnd()
        } catch {
            throw Self.failure("open", path, error)
        }
    }

    deinit { try? handle.close() }

    /// Appends a line.
    /// - Parameters:
    ///   - kind: what the line is about, such as `"round"` or `"evaluation"`.
    ///   - round: the round it belongs to.
    ///   - values: further members. `kind` and `round` are not among them.
    package func append(kind: String, round: Int, _ values: [String: MetricsValue]) throws(FederationError) {
        var members = values
        members["kind"] = .text(kind)
        members["round"] = .integer(round)
        do { try handle.write(contentsOf: Data((MetricsValue.object(members).json + "\n").utf8)) } catch {
            throw Self.failure("write", path, error)
        }
    }

    /// Makes sure that what was appended is on disk.
    package func synchronize() throws(FederationError) {
        do { try handle.synchronize() } catch { throw Self.failure("write", path, error) }
    }

    /// The lines to keep, and how many others there are.
    private static func sort(
        _ data: Data, upTo round: Int, validated: Int
    ) -> (kept: Data, later: Int, damaged: Int) {
        var kept = Data()
        var later = 0
        var damaged = 0
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
            guard let lineRound = object?["round"] as? Int else {
                damaged += 1
                continue
            }
            let isValidation = object?["split"] as? String == Configuration.EvaluationSplit.validation.rawValue
            guard lineRound <= (isValidation ? min(round, validated) : round) else {
                later += 1
                continue
            }
            kept += line + [UInt8(ascii: "\n")]
        }
        return (kept, later, damaged)
    }

    /// Who may read the file stays as it was.
    private static func replace(_ path: String, by data: Data) throws {
        let mode = (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions]
        try DurableFile.write(data, to: path)
        if let mode { try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path) }
    }

    private static func failure(_ attempted: String, _ path: String, _ error: any Error) -> FederationError {
        if let error = error as? FederationError { return error }
        var cause = error as NSError
        while let inner = cause.userInfo[NSUnderlyingErrorKey] as? NSError { cause = inner }
        let reason =
            cause.domain == NSPOSIXErrorDomain
            ? String(cString: strerror(Int32(cause.code))).lowercased() : cause.localizedDescription
        return FederationError(
            attempted: attempted, subject: "the metrics \(path)", reason: reason,
            remedy: "check the folder, its permissions and the space on its disk, and resume")
    }
}
