import CardiacMR
import FedCRLD
import Federation
import Foundation
import Testing

/// Whole runs in one process. Each starts MPI, so each has a process of its own.
@Suite("Training run")
struct TrainingRunTests {
    @Test("writes its configuration, metrics and checkpoints, and leaves nothing else")
    func files() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train("run", rounds: 3, "history_depth=2", "checkpoint.keep=2")
            #expect(Disk.names(run.path) == ["banks", "checkpoints", "config.yaml", "metrics.jsonl", "tensorboard"])
            #expect(Disk.names(run.checkpoints) == ["latest", "round-000002", "round-000003"])
            #expect(try String(contentsOfFile: run.latest, encoding: .utf8) == "round-000003\n")
            let access = try RunAccess(run.path)
            #expect(access.manifest.round == 3)
            #expect(access.manifest.damages(run: run).isEmpty)
            #expect(access.centers.count == 2)
            for center in access.centers {
                #expect(Disk.names("\(run.banks)/\(center)") == ["round-000002.h5", "round-000003.h5"])
                #expect(try access.state(of: center).part(.client).networkOptimizer.step > 0)
            }
            #expect(access.configuration.rounds == 3)
            #expect(access.configuration.data == example.data)
            let older = try RunAccess(run.path, round: 2)
            #expect(older.manifest.round == 2)
            let error = #expect(throws: FederationError.self) { try RunAccess(run.path, round: 1) }
            #expect(error?.remedy == "choose one of 3, 2")
        }
    }

    @Test("continues with the bits of the run that was not interrupted, whatever may change on resuming")
    func resume() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let whole = try example.train("whole", rounds: 4)
            try example.train("parts", rounds: 1)
            try example.resume("parts", rounds: 3, "resident_centers=1", "crl.placement=client")
            let parts = try example.resume("parts", rounds: 4, "resident_centers=2", "crl.placement=root", "threads=2")
            #expect(try example.differences(whole, parts) == [])
            #expect(try example.losses(whole) == example.losses(parts))
            #expect(try example.losses(whole).count == 4)
        }
    }

    @Test("is a function of its seed")
    func seeds() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let first = try example.train("first", rounds: 1)
            let again = try example.train("again", rounds: 1)
            let other = try example.train("other", rounds: 1, "seed=2")
            #expect(try example.differences(first, again) == [])
            #expect(try example.differences(first, other).count > 100)
        }
    }

    @Test("goes on from the checkpoint before one that is damaged, and comes to the same end")
    func damaged() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let whole = try example.train("whole", rounds: 3)
            let run = try example.train("run", rounds: 2)
            let access = try RunAccess(run.path)
            try Disk.damage(access.file(of: access.centers[1]))
            try example.resume("run", rounds: 3)
            #expect(try example.differences(whole, run) == [])
            #expect(Disk.names(run.checkpoints).contains("round-000002.damaged"), "it stays for whoever wants to see")
            // A manifest that is cut off is no better, and where no checkpoint is whole, nothing is touched.
            for round in run.rounds { try Disk.truncate("\(run.checkpoint(round))/manifest.json", by: 10) }
            let rounds = run.rounds
            let error = #expect(throws: FederationError.self) { try example.resume("run", rounds: 4) }
            #expect(error?.reason == "all of its \(rounds.count) checkpoints are damaged")
            #expect(run.rounds == rounds)
        }
    }

    @Test("refuses to start where a run is, and to continue as another one")
    func refusals() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            try example.train("run", rounds: 1)
            let taken = #expect(throws: FederationError.self) { try example.train("run", rounds: 1) }
            #expect(taken?.reason == "it already holds one")
            let changed = #expect(throws: FederationError.self) { try example.resume("run", rounds: 2, "seed=9") }
            #expect(changed?.subject == "seed 9")
            let missing = #expect(throws: FederationError.self) { try example.resume("nothing", rounds: 2) }
            #expect(missing?.kind == .configuration)
            #expect([taken?.kind, changed?.kind] == [.configuration, .configuration])
        }
    }

    @Test("puts a center back to an earlier round of its bank, and goes on from there")
    func rollback() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train("run", rounds: 3)
            let before = try RunAccess(run.path)
            let (center, other) = (before.centers[0], before.centers[1])
            let untouched = StateContents(try before.state(of: other))
            #expect(try Rollback(run.path).rounds(of: center) == [3, 2, 1])
            let snapshot = try RunAccess(run.path, round: 2).state(of: center)

            #expect(try Rollback(run.path).apply(center: center, to: 2) == 3)
            let after = try RunAccess(run.path)
            #expect(after.manifest.round == 3)
            #expect(after.manifest.damages(run: run).isEmpty)
            #expect(after.manifest.banks == [center: 2, other: 3])
            let state = try after.state(of: center)
            #expect(state.trainedRound == 2)
            for (part, bank) in state.orderedParts {
                #expect(bank.bank.array == snapshot.part(part).bank.array)
                #expect(bank.network.array == bank.bank.array)
                #expect(bank.networkOptimizer.step == 0)
                #expect(bank.bankOptimizer.step == 0)
                #expect(bank.networkOptimizer.firstMoment.values.allSatisfy { $0 == 0 })
            }
            #expect(try StateContents(after.state(of: other)) == untouched)
            #expect(Disk.names(run.checkpoints).allSatisfy { !$0.contains(".") })

            try example.resume("run", rounds: 4, "resident_centers=1")
            #expect(try RunAccess(run.path).manifest.banks == [center: 4, other: 4])

            for (name, round) in [(center, 99), ("nobody", 1)] {
                let error = #expect(throws: FederationError.self) {
                    try Rollback(run.path).apply(center: name, to: round)
                }
                #expect(error?.kind == .configuration)
            }
        }
    }

    @Test("two checkpoints are compared value by value, and differences are named")
    func comparison() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train("run", rounds: 2)
            let same = try CheckpointComparison(run.path, run.checkpoint(2) + "/")
            #expect(same.differences.isEmpty)
            // Two centers with network, bank and four moments, and the server's encoder: 118 and 32 parameters.
            #expect(same.compared == 2 * (6 * 118 + 2) + 32)
            let other = try CheckpointComparison(run.checkpoint(1), run.checkpoint(2))
            #expect(other.differences.contains { $0.contains("is of round 1") })
            #expect(other.differences.contains { $0.hasPrefix("network/global_encoder/level1/conv1/weight differs") })
            #expect(throws: FederationError.self) { try CheckpointComparison(run.path, run.path + "/nothing") }
        }
    }

    @Test("parts of a network that are federated besides the encoder are equal at all centers")
    func federatedParts() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train(
                "run", rounds: 2, "aggregation.parts=[global_encoder, decoder.stage1, relocalization]",
                "aggregation.weights=volumes")
            #expect(try RunAccess(run.path).manifest.damages(run: run).isEmpty)
            // What is inspected of it is text and JSON of the same.
            let inspection = try Inspection(run: run.path)
            #expect(inspection.text.contains("checkpoint of round 2: 2 centers"))
            let file = try Inspection(file: run.checkpoint(2) + "/server.h5")
            #expect(file.text.contains("network/relocalization/norm/weight 64 float32"))
            #expect(!file.text.contains("local_encoder"))
            #expect(try Inspection(checkpoint: run.checkpoint(2)).text.contains("last trained in round 2"))
        }
    }

    @Test("a run that starts from another's server has its encoder, and nothing else of it")
    func initial() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let first = try example.train("first", rounds: 1)
            let plain = try example.train("plain", rounds: 1)
            let later = try example.train("later", rounds: 1, initial: first.checkpoint(1))
            #expect(try example.differences(plain, first) == [])
            #expect(try !example.differences(plain, later).isEmpty)
        }
    }
}
