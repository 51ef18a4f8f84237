import CardiacMR
import FedCRLD
import Federation
import Foundation
import HDF5
import TestSupport
import Testing

/// Whole runs in one process. Each starts MPI, so each has a process of its own.
@Suite("Training run")
struct TrainingRunTests {
    @Test("writes its configuration, metrics and checkpoints, and leaves nothing else")
    func files() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train("run", rounds: 3, "history_depth=2", "checkpoint.keep=2")
            holds(
                Disk.names(run.path),
                equals: [
                    "banks", "checkpoints", "config.yaml", "data", "metrics.jsonl", "progress", "states", "tensorboard",
                ])
            holds(Disk.names(run.checkpoints) == ["latest", "round-000002", "round-000003"])
            try holds(String(contentsOfFile: run.latest, encoding: .utf8), equals: "round-000003\n")
            let access = try RunAccess(run.path)
            holds(access.manifest.round, equals: 3)
            holds(access.manifest.damages(run: run).isEmpty)
            holds(access.centers.count, equals: 2)
            for center in access.centers {
                holds(Disk.names("\(run.banks)/\(center)") == ["round-000002.h5", "round-000003.h5"])
                try holds(access.state(of: center).optimizer("network").steps[0] > 0)
            }
            holds(access.configuration.rounds, equals: 3)
            holds(access.configuration.data, equals: example.data)
            let older = try RunAccess(run.path, .round(2))
            holds(older.manifest.round, equals: 2)
            let error = #expect(throws: FederationError.self) { try RunAccess(run.path, .round(1)) }
            holds(error?.remedy, equals: "choose one of 3, 2")
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
            try holds(example.differences(whole, parts), equals: [])
            try holds(example.losses(whole), equals: example.losses(parts))
            try holds(example.losses(whole).count, equals: 4)
        }
    }

    @Test("is a function of its seed")
    func seeds() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let first = try example.train("first", rounds: 1)
            let again = try example.train("again", rounds: 1)
            let other = try example.train("other", rounds: 1, "seed=2")
            try holds(example.differences(first, again), equals: [])
            try holds(example.differences(first, other).count > 100)
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
            try holds(example.differences(whole, run), equals: [])
            holds(Disk.names(run.checkpoints).contains("round-000002.damaged"), "it stays for whoever wants to see")
            // A manifest that is cut off is no better, and where no checkpoint is whole, nothing is touched.
            for round in run.rounds { try Disk.truncate("\(run.checkpoint(round))/manifest.json", by: 10) }
            let rounds = run.rounds
            let error = #expect(throws: FederationError.self) { try example.resume("run", rounds: 4) }
            holds(error?.reason, equals: "all of its \(rounds.count) checkpoints are damaged")
            holds(run.rounds, equals: rounds)
        }
    }

    @Test("refuses to start where a run is, and to continue as another one")
    func refusals() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            try example.train("run", rounds: 1)
            let taken = #expect(throws: FederationError.self) { try example.train("run", rounds: 1) }
            holds(taken?.reason, equals: "it already holds one")
            let changed = #expect(throws: FederationError.self) { try example.resume("run", rounds: 2, "seed=9") }
            holds(changed?.subject, equals: "seed 9")
            let missing = #expect(throws: FederationError.self) { try example.resume("nothing", rounds: 2) }
            holds(missing?.kind, equals: .configuration)
            holds([taken?.kind, changed?.kind], equals: [.configuration, .configuration])
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
            try holds(Rollback(run.path).rounds(of: center), equals: [3, 2, 1])
            let snapshot = try RunAccess(run.path, .round(2)).state(of: center)

            try holds(Rollback(run.path).apply(center: center, to: 2), equals: RunPosition(round: 3))
            let after = try RunAccess(run.path)
            holds(after.manifest.round, equals: 3)
            holds(after.manifest.damages(run: run).isEmpty)
            holds(after.manifest.trainedRounds, equals: [center: 2, other: 3])
            let state = try after.state(of: center)
            holds(state.trainedRound, equals: 2)
            for part in ExampleCenters.allParts {
                holds(state["bank", part].array, equals: snapshot["bank", part].array)
                holds(state["network", part].array, equals: state["bank", part].array)
                for name in ["network", "bank"] { holds(state.optimizer(name, part: part).steps, equals: [0]) }
                holds(state.optimizer("network", part: part).firstMoment.values.allSatisfy { $0 == 0 })
            }
            try holds(StateContents(after.state(of: other)), equals: untouched)
            holds(Disk.names(run.checkpoints).allSatisfy { !$0.contains(".") })

            try example.resume("run", rounds: 4, "resident_centers=1")
            try holds(RunAccess(run.path).manifest.trainedRounds, equals: [center: 4, other: 4])

            for (name, round) in [(center, 99), ("nobody", 1)] {
                let error = #expect(throws: FederationError.self) {
                    try Rollback(run.path).apply(center: name, to: round)
                }
                holds(error?.kind, equals: .configuration)
            }
        }
    }

    @Test("two checkpoints are compared value by value, and differences are named")
    func comparison() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train("run", rounds: 2)
            let same = try CheckpointComparison(run.path, run.checkpoint(2) + "/")
            holds(same.differences.isEmpty)
            // Two centers with network, bank and four moments, and the server's encoder: 118 and 32 parameters.
            holds(same.compared, equals: 2 * (6 * 118 + 2) + 32)
            let other = try CheckpointComparison(run.checkpoint(1), run.checkpoint(2))
            holds(other.differences.contains { $0.contains("is of round 1") })
            holds(other.differences.contains { $0.hasPrefix("network/global_encoder/level1/conv1/weight differs") })
            #expect(throws: FederationError.self) { try CheckpointComparison(run.path, run.path + "/nothing") }
        }
    }

    @Test("the server has the average of every federated part of the centers' networks, and of no other")
    func federatedParts() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let run = try example.train(
                "run", rounds: 2, "aggregation.parts=[global_encoder, decoder.stage1, relocalization]",
                "aggregation.weights=volumes")
            let access = try RunAccess(run.path)
            holds(access.manifest.damages(run: run).isEmpty)
            let server = try HDF5File.open(at: run.checkpoint(2) + "/server.h5")
            let centers = try access.centers.map { try HDF5File.read(access.file(of: $0), below: "network") }
            let names = try server.datasets(under: "network")
            let prefixes = ["network/global_encoder/", "network/decoder/stage1/", "network/relocalization/"]
            let federated = centers[0].keys.filter { name in prefixes.contains { name.hasPrefix($0) } }
            holds(Set(names), equals: Set(federated))
            for name in names {
                // Each center has one training volume, so each counts one half.
                let found: [Float] = try server.read(name)
                let (one, other) = (try #require(centers[0][name]), try #require(centers[1][name]))
                let wanted = zip(one, other).map { 0.5 * (Double($0) + Double($1)) }
                holds(zip(found, wanted).allSatisfy { abs(Double($0) - $1) <= 1e-7 * max(1, abs($1)) }, "\(name)")
            }
            // What is inspected of it is text and JSON of the same.
            let inspection = try Inspection(run: run.path)
            holds(inspection.text.contains("checkpoint of round 2: 2 centers"))
            let file = try Inspection(file: run.checkpoint(2) + "/server.h5")
            holds(file.text.contains("network/relocalization/norm/weight 64 float32"))
            holds(!file.text.contains("local_encoder"))
            try holds(Inspection(checkpoint: run.checkpoint(2)).text.contains("last trained in round 2"))
        }
    }

    @Test("a run that starts from another's server has its encoder, and nothing else of it")
    func initial() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try ExampleRun()
            let first = try example.train("first", rounds: 1)
            let plain = try example.train("plain", rounds: 1)
            let later = try example.train("later", rounds: 1, initial: first.checkpoint(1))
            try holds(example.differences(plain, first), equals: [])
            try holds(!example.differences(plain, later).isEmpty)
        }
    }
}

extension HDF5File {
    /// All datasets of a group of a file.
    fileprivate static func read(_ path: String, below group: String) throws -> [String: [Float]] {
        let file = try HDF5File.open(at: path)
        var values: [String: [Float]] = [:]
        for name in try file.datasets(under: group) { values[name] = try file.read(name, as: Float.self) }
        return values
    }
}
