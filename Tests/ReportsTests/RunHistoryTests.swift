import Federation
import Foundation
import Reports
import Testing

@Suite("Report: a run's history")
struct RunHistoryTests {
    private static func history(_ lines: String) throws -> RunHistory {
        let folder = FileManager.default.temporaryDirectory.appending(path: "reports-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try lines.write(to: folder.appending(path: "metrics.jsonl"), atomically: true, encoding: .utf8)
        return try RunHistory(RunFolder(folder.path))
    }

    @Test("losses and Dice by center and round, seconds added up; a line that a crash cut is passed over")
    func lines() throws {
        let history = try Self.history(
            """
            {"kind": "round", "round": 1, "seconds": 2, "centers": {"a": {"weight": 0.5, "total": 3}, "b": {"total": 4}}}
            {"kind": "evaluation", "round": 1, "centers": {"a": {"mean_dice": 0.25}, "b": {"mean_dice": null}}}
            {"kind": "checkpoint", "round": 1, "bytes": 5}
            {"kind": "round", "round": 2, "seconds": 1.5, "centers": {"a": {"total": 2}}}
            {"kind": "phases", "round": 2, "ranks": [[1, 2, 3, 4, 5, 15]]}
            {"kind": "round", "round": 3, "cent
            """)
        #expect(history.lastRound == 2)
        #expect(history.seconds == 3.5)
        #expect(history.phases == [[1, 2, 3, 4, 5, 15]])
        let course = try #require(history.centers["a"])
        #expect(course.rounds.map(\.round) == [1, 2])
        #expect(course.rounds.map { $0.losses["total"] } == [3, 2])
        #expect(course.dice.map(\.value) == [0.25])
        #expect(history.centers["b"]?.rounds.count == 1)
        #expect(history.centers["b"]?.dice.isEmpty == true)
    }

    @Test("a folder without metrics is an error that names the file")
    func missing() throws {
        let error = #expect(throws: ReportsError.self) { try RunHistory(RunFolder("/nowhere-\(UUID().uuidString)")) }
        #expect(error?.subject.hasSuffix("/metrics.jsonl") == true)
        #expect(error?.description.hasPrefix("cannot read ") == true)
    }
}
