import Federation
import Foundation
import Testing

@Suite("Telemetry: metrics")
final class TelemetryMetricsTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    private var path: String { folder.appendingPathComponent("metrics.jsonl").path }

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test(
        "values are JSON with sorted keys, and null for what is not finite",
        arguments: [
            (["b": 1, "a": [0.5, true, nil], "aa": "x"], #"{"a":[0.5,true,null],"aa":"x","b":1}"#),
            ([.number(.nan), .number(-.infinity), .number(1e-7), .number(3)], "[null,null,1e-07,3.0]"),
            ("quote \" slash \\ line \n bell \u{7} é 心", #""quote \" slash \\ line \n bell \u0007 é 心""#),
            ([:], "{}"), ([], "[]"), (false, "false"), (.integer(.min), "-9223372036854775808"),
        ] as [(MetricsValue, String)])
    func encoding(_ value: MetricsValue, _ json: String) throws {
        #expect(value.json == json)
        _ = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed)
    }

    @Test("each line is one object with its kind and round")
    func lines() throws {
        let writer = try MetricsWriter(path: path, resumingAfter: 0)
        try writer.append(kind: "round", round: 1, ["loss": 0.5])
        try writer.append(kind: "evaluation", round: 1, ["dice": .number(.nan)])
        try writer.synchronize()
        #expect(
            try text() == """
                {"kind":"round","loss":0.5,"round":1}
                {"dice":null,"kind":"evaluation","round":1}

                """)
    }

    @Test("a resumed run drops the lines after its checkpoint and goes on below")
    func resuming() throws {
        try write(rounds: 1...5)
        let writer = try MetricsWriter(path: path, resumingAfter: 3)
        #expect(writer.droppedLines == 2)
        #expect(writer.damagedLines == 0)
        try writer.append(kind: "round", round: 4, ["again": true])
        #expect(
            try text() == """
                {"kind":"round","round":1}
                {"kind":"round","round":2}
                {"kind":"round","round":3}
                {"again":true,"kind":"round","round":4}

                """)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["metrics.jsonl"])
    }

    @Test("a validation that the checkpoint does not know of is dropped: it is made again")
    func validations() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try MetricsWriter(path: path, resumingAfter: 0)
        for (round, split) in [(1, "validation"), (2, "validation"), (2, "test")] {
            try writer.append(kind: "round", round: round, [:])
            try writer.append(kind: "evaluation", round: round, ["split": .text(split)])
        }
        #expect(try MetricsWriter(path: path, resumingAfter: 2).droppedLines == 0)
        #expect(try MetricsWriter(path: path, resumingAfter: 2, validated: 2).droppedLines == 0)
        #expect(try MetricsWriter(path: path, resumingAfter: 2, validated: 1).droppedLines == 1)
        #expect(try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count == 5)
    }

    @Test("a line that a crash cut short is dropped, a whole last line without its end is kept")
    func cutShort() throws {
        try write(rounds: 1...2)
        try (text() + #"{"kind":"round","round":"#).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try MetricsWriter(path: path, resumingAfter: 2).damagedLines == 1)
        let whole = try text()
        #expect(whole.split(separator: "\n").count == 2)
        try String(whole.dropLast()).write(toFile: path, atomically: true, encoding: .utf8)
        let writer = try MetricsWriter(path: path, resumingAfter: 2)
        #expect(writer.damagedLines == 0)
        try writer.append(kind: "round", round: 3, [:])
        #expect(try text() == whole + "{\"kind\":\"round\",\"round\":3}\n")
    }

    @Test("lines that need not change are not written again")
    func untouched() throws {
        try write(rounds: 1...3)
        let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        _ = try MetricsWriter(path: path, resumingAfter: 3)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == before)
    }

    @Test("what cannot be opened is an error that names the file")
    func unopenable() throws {
        let missing = folder.appendingPathComponent("none/metrics.jsonl").path
        for path in [missing, folder.path] {
            let error = #expect(throws: FederationError.self) { try MetricsWriter(path: path, resumingAfter: 0) }
            #expect(error?.subject.contains(path) == true)
            #expect(error?.kind == .failure)
        }
    }

    private func write(rounds: ClosedRange<Int>) throws {
        let writer = try MetricsWriter(path: path, resumingAfter: 0)
        for round in rounds { try writer.append(kind: "round", round: round, [:]) }
    }

    private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}
