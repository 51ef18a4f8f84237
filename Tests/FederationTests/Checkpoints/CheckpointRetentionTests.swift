import FedCRLD
import FederatedLearning
import Federation
import Foundation
import Testing

@Suite("Checkpoint retention")
struct CheckpointRetentionTests {
    /// A run whose center `a` is trained in every round, `b` in every third only; all rounds have a checkpoint.
    private struct Example {
        let folder: TemporaryFolder
        var run: RunFolder { RunFolder(folder.path) }

        init() throws { folder = try TemporaryFolder() }

        func write(round: Int) throws -> Manifest {
            try folder.write("bank", to: RunFolder.bank(center: "a", round: round))
            let last = (round - 1) / 3 * 3 + 1
            if last == round {
                try folder.write("bank", to: RunFolder.bank(center: "b", round: round))
                try folder.write(
                    "bank", to: RunFolder.bank(center: "b", round: round, part: FedCRLDMethod.relocalizationPart))
            }
            let names = [
                RunFolder.bank(center: "a", round: round), RunFolder.bank(center: "b", round: last),
                RunFolder.bank(center: "b", round: last, part: FedCRLDMethod.relocalizationPart),
            ]
            let files = try names.map { ($0, try DurableFile.fingerprint("\(folder.path)/\($0)")) }
            let manifest = try ExampleCenters.manifest(
                round: round, trainedRounds: ["a": round, "b": last], files: Dictionary(uniqueKeysWithValues: files))
            try DurableFile.makeFolder(run.checkpoint(round))
            try DurableFile.write(manifest.encoded(), to: "\(run.checkpoint(round))/\(Manifest.fileName)")
            return manifest
        }

        func run(rounds: Int, keep: Int, keepEvery: Int, history: Int) throws {
            var configuration = Configuration()
            configuration.checkpoint.keep = keep
            configuration.checkpoint.keepEvery = keepEvery
            configuration.historyDepth = history
            for round in 1...rounds {
                let manifest = try write(round: round)
                #expect(CheckpointRetention(run, configuration).prune(newest: manifest).isEmpty)
            }
        }

        /// Rounds of a bank's snapshots.
        func bank(_ center: String) -> [Int] {
            Disk.names("\(run.banks)/\(center)").compactMap {
                $0.contains("relocalization") ? nil : RunPosition(named: String($0.dropLast(3)))?.round
            }
        }
    }

    @Test(
        "keeps the newest checkpoints and every so many rounds' for good",
        arguments: [
            (10, 2, 0, [10, 9]), (10, 1, 0, [10]), (10, 2, 4, [10, 9, 8, 4]), (3, 5, 0, [3, 2, 1]),
            (7, 1, 3, [7, 6, 3]),
        ])
    func checkpoints(_ rounds: Int, _ keep: Int, _ keepEvery: Int, _ expected: [Int]) throws {
        let example = try Example()
        try example.run(rounds: rounds, keep: keep, keepEvery: keepEvery, history: 2)
        #expect(example.run.rounds == expected)
        for round in expected {
            let manifest = try Manifest.read(folder: example.run.checkpoint(round))
            #expect(manifest.damages(run: example.run).isEmpty, "round \(round) is whole")
        }
    }

    @Test("keeps the history of each bank, and whatever a kept checkpoint names")
    func history() throws {
        let example = try Example()
        try example.run(rounds: 12, keep: 2, keepEvery: 5, history: 3)
        #expect(example.run.rounds == [12, 11, 10, 5])
        // The last three, and those that rounds 5, 10, 11 and 12 were written with.
        #expect(example.bank("a") == [5, 10, 11, 12])
        #expect(example.bank("b") == [4, 7, 10])
        let parts = Disk.names("\(example.run.banks)/b").count { $0.contains("relocalization") }
        #expect(parts == 3, "both parts of a snapshot stay")
    }

    @Test("leaves alone what is written of the next round beside it")
    func nextRound() throws {
        let example = try Example()
        var configuration = Configuration()
        (configuration.checkpoint.keep, configuration.historyDepth) = (1, 1)
        let manifests = try (1...4).map { try example.write(round: $0) }
        for round in 5...6 { try example.folder.write("bank", to: RunFolder.bank(center: "a", round: round)) }
        let retention = CheckpointRetention(example.run, configuration)
        #expect(retention.prune(newest: manifests[3], told: ["a": 4, "b": 4]).isEmpty)
        #expect(example.bank("a") == [4, 5, 6], "a checkpoint of round 5 needs what is there of it already")
        #expect(example.bank("b") == [4])
    }

    @Test("removes nothing where a checkpoint that stays cannot be read: nobody knows what it needs")
    func unreadable() throws {
        let example = try Example()
        var configuration = Configuration()
        (configuration.checkpoint.keep, configuration.historyDepth) = (2, 1)
        let manifests = try (1...3).map { try example.write(round: $0) }
        try Disk.damage("\(example.run.checkpoint(2))/\(Manifest.fileName)")
        let problems = CheckpointRetention(example.run, configuration).prune(newest: manifests[2])
        #expect(problems.count == 1 && problems[0].hasPrefix("nothing is pruned"), "\(problems)")
        #expect(example.run.rounds == [3, 2, 1])
        #expect(example.bank("a") == [1, 2, 3])
    }

    @Test("discards what lies after a round: partial ones, later snapshots; damaged checkpoints stay aside")
    func discard() throws {
        let example = try Example()
        try example.run(rounds: 6, keep: 6, keepEvery: 0, history: 6)
        try example.folder.write("x", to: "checkpoints/round-000007.partial/server.h5")
        try example.folder.write("x", to: "checkpoints/round-000001.removed/server.h5")
        try example.folder.write("x", to: "working/a.h5")
        try example.folder.write("x", to: "banks/a/round-000003.h5.partial")
        for round in [4, 5, 9] {
            try example.folder.write("x", to: RunFolder.state("a", since: RunPosition(round: round)))
            try example.folder.write("x", to: RunFolder.list(of: RunPosition(round: round)))
        }
        let retention = CheckpointRetention(example.run, Configuration())
        let fourth = try Manifest.read(folder: example.run.checkpoint(4))
        try retention.discard(after: fourth) { _ in }
        #expect(example.run.rounds == [4, 3, 2, 1])
        #expect(
            Disk.names(example.run.checkpoints) == ["latest"] + (1...4).map { RunPosition(round: $0).name } + [
                "round-000005.damaged", "round-000006.damaged",
            ])
        #expect(try String(contentsOfFile: example.run.latest, encoding: .utf8) == "round-000004\n")
        #expect(example.bank("a") == [1, 2, 3, 4])
        #expect(example.bank("b") == [1, 4])
        #expect(!Disk.exists("\(example.run.banks)/a/round-000003.h5.partial"))
        #expect(!Disk.exists(example.run.working))
        #expect(Disk.names(example.run.states) == ["round-000004"])
        #expect(Disk.names(example.run.checkpoint(5) + ".damaged/states") == ["a.h5"], "what was new in it is there")
        #expect(Disk.names(example.run.lists) == ["round-000004.json"])
        // Once more, with the same rounds damaged again.
        _ = try example.write(round: 5)
        try retention.discard(after: fourth) { _ in }
        #expect(example.run.rounds == [4, 3, 2, 1])
    }

    @Test("a checkpoint in the middle of a round stays until there is a newer one; one that is pinned stays")
    func middle() throws {
        let example = try Example()
        try example.run(rounds: 3, keep: 2, keepEvery: 0, history: 2)
        var middle = try Manifest.read(folder: example.run.checkpoint(3))
        middle.progress = RoundProgress()
        middle.progress?.centers["a"] = .init()
        middle.progress?.centers["a"]?.steps = 7
        let bank = try example.folder.write("bank", to: RunFolder.bank(center: "a", round: 4))
        middle.files[RunFolder.bank(center: "a", round: 4)] = try DurableFile.fingerprint(bank)
        let folder = example.run.checkpoint(middle.position)
        try DurableFile.makeFolder(folder)
        try DurableFile.write(middle.encoded(), to: "\(folder)/\(Manifest.fileName)")
        var configuration = Configuration()
        configuration.checkpoint.keep = 2
        let retention = CheckpointRetention(example.run, configuration)
        retention.prune(newest: middle)
        #expect(example.run.positions.map(\.name) == ["round-000003.step-000007", "round-000003", "round-000002"])
        // A bank that it names is no later one's.
        try retention.discard(after: middle) { _ in }
        #expect(example.bank("a").contains(4))
        let next = try example.write(round: 4)
        retention.prune(newest: next, pinned: RunPosition(round: 2))
        #expect(example.run.positions.map(\.name) == ["round-000004", "round-000003", "round-000002"])
        retention.prune(newest: next)
        #expect(example.run.rounds == [4, 3])
    }
}
