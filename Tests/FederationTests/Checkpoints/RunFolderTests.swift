import Federation
import Testing

@Suite("Run folder")
struct RunFolderTests {
    @Test(
        "names of rounds have six digits or more, and lead back to the round",
        arguments: [
            (0, "round-000000"), (12, "round-000012"), (999_999, "round-999999"), (1_234_567, "round-1234567"),
        ])
    func names(_ round: Int, _ name: String) {
        #expect(RunFolder.name(round: round) == name)
        #expect(RunFolder.round(named: name) == round)
    }

    @Test(
        "other names are no rounds",
        arguments: [
            "", "round-", "round-12", "round-0000012", "round-000012.partial", "round-000012.damaged", "round--00012",
            "round-+00012", "Round-000012", "latest", "round-00001a",
        ])
    func others(_ name: String) { #expect(RunFolder.round(named: name) == nil) }

    @Test("paths lie below the folder, with or without a slash at its end", arguments: ["/runs/one", "/runs/one/"])
    func paths(_ path: String) {
        let folder = RunFolder(path)
        #expect(folder == RunFolder("/runs/one"))
        #expect(folder.configuration == "/runs/one/config.yaml")
        #expect(folder.metrics == "/runs/one/metrics.jsonl")
        #expect(folder.latest == "/runs/one/checkpoints/latest")
        #expect(folder.checkpoint(3) == "/runs/one/checkpoints/round-000003")
        #expect(folder.partialCheckpoint(3) == "/runs/one/checkpoints/round-000003.partial")
        #expect(RunFolder.bank(center: "a", round: 3) == "banks/a/round-000003.h5")
        #expect(
            RunFolder.bank(center: "a", round: 3, part: .relocalization) == "banks/a/round-000003.relocalization.h5")
    }

    @Test("its rounds are the complete checkpoints, newest first")
    func rounds() throws {
        let folder = try TemporaryFolder()
        #expect(RunFolder(folder.path).rounds.isEmpty)
        for name in ["round-000002", "round-000010", "round-000011.partial", "round-000009.damaged"] {
            try folder.write("", to: "checkpoints/\(name)/x")
        }
        try folder.write("round-000010\n", to: "checkpoints/latest")
        #expect(RunFolder(folder.path).rounds == [10, 2])
    }
}
