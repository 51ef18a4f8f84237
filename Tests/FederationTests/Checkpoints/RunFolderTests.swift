import FedCRLD
import FederatedLearning
import Federation
import Testing

@Suite("Run folder")
struct RunFolderTests {
    @Test(
        "names of positions have six digits or more, and lead back to them",
        arguments: [
            (0, 0, "round-000000"), (12, 0, "round-000012"), (999_999, 0, "round-999999"),
            (1_234_567, 0, "round-1234567"), (12, 34, "round-000012.step-000034"),
        ])
    func names(_ round: Int, _ steps: Int, _ name: String) {
        let position = RunPosition(round: round, steps: steps)
        #expect(position.name == name)
        #expect(RunPosition(named: name) == position)
    }

    @Test("positions are in the order of the run")
    func order() {
        let positions = [(1, 0), (1, 3), (1, 12), (2, 0)].map { RunPosition(round: $0, steps: $1) }
        #expect(positions.reversed().sorted() == positions)
    }

    @Test(
        "other names are no positions",
        arguments: [
            "", "round-", "round-12", "round-0000012", "round-000012.partial", "round-000012.damaged", "round--00012",
            "round-+00012", "Round-000012", "latest", "round-00001a", "round-000012.step-000000",
            "round-000012.step-34",
            "round-000012.step-000034.partial", "step-000034",
        ])
    func others(_ name: String) { #expect(RunPosition(named: name) == nil) }

    @Test("paths lie below the folder, with or without a slash at its end", arguments: ["/runs/one", "/runs/one/"])
    func paths(_ path: String) {
        let folder = RunFolder(path)
        #expect(folder == RunFolder("/runs/one"))
        #expect(folder.configuration == "/runs/one/config.yaml")
        #expect(folder.metrics == "/runs/one/metrics.jsonl")
        #expect(folder.latest == "/runs/one/checkpoints/latest")
        #expect(folder.checkpoint(3) == "/runs/one/checkpoints/round-000003")
        #expect(folder.partialCheckpoint(RunPosition(round: 3)) == "/runs/one/checkpoints/round-000003.partial")
        #expect(RunFolder.bank(center: "a", round: 3) == "banks/a/round-000003.h5")
        #expect(
            RunFolder.bank(center: "a", round: 3, part: FedCRLDMethod.relocalizationPart)
                == "banks/a/round-000003.relocalization.h5")
    }

    @Test("its positions are the complete checkpoints, newest first; its rounds those of a round's end")
    func rounds() throws {
        let folder = try TemporaryFolder()
        #expect(RunFolder(folder.path).rounds.isEmpty)
        for name in [
            "round-000002", "round-000010", "round-000010.step-000002", "round-000011.partial", "round-000009.damaged",
        ] {
            try folder.write("", to: "checkpoints/\(name)/x")
        }
        try folder.write("round-000010\n", to: "checkpoints/latest")
        #expect(RunFolder(folder.path).rounds == [10, 2])
        #expect(RunFolder(folder.path).positions.map(\.steps) == [2, 0, 0])
    }
}
