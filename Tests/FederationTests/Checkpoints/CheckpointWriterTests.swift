import FedCRLD
import FederatedLearning
import Federation
import Foundation
import MPI
import TestSupport
import Testing

/// Ranks agree on what is written, so there is MPI, and each test has a process of its own.
@Suite("Checkpoint writer")
struct CheckpointWriterTests {
    /// A run of the example's centers with the stores of a placement, all in this process.
    @MainActor
    private final class Example {
        let folder: TemporaryFolder
        let rank: RankContext
        let aggregation: Aggregation
        private let environment: MPIEnvironment
        var run: RunFolder { RunFolder(folder.path) }

        init() throws {
            folder = try TemporaryFolder()
            environment = try MPIEnvironment()
            rank = RankContext(environment.world)
            aggregation = Aggregation(try ExampleCenters.method("a"), centers: 3, seed: 1, isRoot: true)
        }

        let disk = DiskQueue(limit: 1 << 20)

        /// A store of this run's.
        func store(
            capacity: Int = 3, parts: [StatePart] = ExampleCenters.allParts,
            placement: FedCRLDMethod.Placement = .client, baseline: Manifest? = nil
        ) throws -> CenterStore {
            try ExampleCenters.store(
                run, capacity: capacity, parts: parts, placement: placement, baseline: baseline, disk: disk)
        }

        /// Trains all centers in a round and writes its checkpoint.
        func train(round: Int, _ store: CenterStore, _ modules: CenterStore? = nil) throws -> Manifest {
            for name in ExampleCenters.names {
                for held in [store, modules].compactMap({ $0 }) {
                    try ExampleCenters.train(name, round: round, in: held)
                }
            }
            return try write(round: round, store, modules)
        }

        /// Writes a checkpoint to its end.
        func write(
            round: Int, _ store: CenterStore, _ modules: CenterStore? = nil, after before: Manifest? = nil
        ) throws -> Manifest {
            try write(round: round, by: writer(store, modules, after: before))
        }

        /// The writer of some stores.
        func writer(
            _ store: CenterStore, _ modules: CenterStore? = nil, after before: Manifest? = nil
        ) -> CheckpointWriter {
            CheckpointWriter(
                rank, folder: run, configuration: Configuration(), disk: disk, store: store,
                modules: modules, aggregation: aggregation, placement: "client", baseline: before)
        }

        /// Writes a checkpoint to its end.
        func write(round: Int, by writer: CheckpointWriter) throws -> Manifest {
            var published: CheckpointWriter.Published?
            writer.published = { published = $0 }
            try writer.begin(RunPosition(round: round), centers: ExampleCenters.names)
            try writer.finish()
            let manifest = try Manifest.read(folder: run.checkpoint(round))
            holds(published?.position, equals: manifest.position)
            holds(published?.bytes, equals: manifest.files.values.reduce(0) { $0 + $1.size })
            return manifest
        }

        /// What all centers' states are after a round in which one process held them.
        func expected(round: Int) throws -> [StateContents] {
            try ExampleCenters.names.map { name in
                let state = try ExampleCenters.state(name, seed: 0)
                state.trainedRound = round
                StateContents.scramble(state, round: round)
                return StateContents(state)
            }
        }

        func contents(_ store: CenterStore) throws -> [StateContents] {
            try ExampleCenters.names.map { StateContents(try store.state(of: $0)) }
        }
    }

    @Test("the state is the same wherever relocalization was kept, and may move at any time")
    func placements() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            // Kept at the root: a file of its own.
            let clients = try example.store(capacity: 1, parts: [.center], placement: .root)
            let root = try example.store(capacity: 1, parts: [FedCRLDMethod.relocalizationPart], placement: .root)
            let first = try example.train(round: 1, clients, root)
            holds(first.damages(run: run).isEmpty)
            holds(first.files.keys.contains("states/round-000001/a.relocalization.h5"))
            let whole = try example.store(capacity: 1, baseline: first)
            try holds(example.contents(whole), equals: example.expected(round: 1))

            // Then with the centers, in a second checkpoint that does not need the first one's files.
            let second = try example.train(round: 2, whole)
            try DurableFile.remove(run.checkpoint(1))
            holds(second.damages(run: run).isEmpty)
            holds(second.files.keys.allSatisfy { !$0.contains("relocalization") })

            // And back at the root, without training: the files stay as they are.
            let hosts = try example.store(parts: [.center], placement: .root, baseline: second)
            let modules = try example.store(
                parts: [FedCRLDMethod.relocalizationPart], placement: .root, baseline: second)
            let writer = example.writer(hosts, modules, after: second)
            let third = try example.write(round: 3, by: writer)
            holds(third.damages(run: run).isEmpty)
            holds(third.stateFiles(), equals: second.stateFiles())
            try holds(example.contents(try example.store(baseline: third)), equals: example.expected(round: 2))

            // Until one is trained there.
            for store in [hosts, modules] { try ExampleCenters.train("a", round: 4, in: store) }
            let fourth = try example.write(round: 4, by: writer)
            holds(fourth.damages(run: run).isEmpty)
            let states = fourth.stateFiles()
            holds(states["a.h5"], equals: "states/round-000004/a.h5")
            holds(states["a.relocalization.h5"], equals: "states/round-000004/a.relocalization.h5")
            holds(states["b.h5"], equals: "states/round-000002/b.h5")
            holds(states.count, equals: 4)
            var expected = try example.expected(round: 2)
            expected[0] = try example.expected(round: 4)[0]
            try holds(example.contents(try example.store(baseline: fourth)), equals: expected)
        }
    }

    @Test(
        "centers that rest are in each checkpoint, though a rank tells of them once, and checkpoints that go leave all that others need"
    )
    func resting() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            let store = try example.store(capacity: 1)
            let writer = example.writer(store)
            var manifest = try example.write(round: 1, by: writer)
            holds(manifest.trainedRounds, equals: ["a": 0, "b": 0, "c": 0])
            holds(manifest.files.keys.sorted(), equals: ["checkpoints/round-000001/server.h5"])
            // a trains once, b now and then, c never.
            var rounds = ["a": 0, "b": 0, "c": 0]
            for round in 2...7 {
                for name in round == 2 ? ["a", "b"] : round.isMultiple(of: 3) ? ["b"] : [] {
                    try ExampleCenters.train(name, round: round, in: store)
                    rounds[name] = round
                }
                manifest = try example.write(round: round, by: writer)
                holds(manifest.trainedRounds, equals: rounds)
                holds(manifest.damages(run: run).isEmpty)
                try holds(Manifest.read(folder: run.checkpoint(round)), equals: manifest)
                for (name, trained) in rounds where trained > 0 {
                    holds(manifest.stateFiles()["\(name).h5"], equals: "states/round-00000\(trained)/\(name).h5")
                    holds(manifest.files.keys.contains(RunFolder.bank(center: name, round: trained)))
                }
                holds(manifest.files.count, equals: 1 + 2 * rounds.values.count { $0 > 0 })
            }
            holds(run.rounds, equals: [7, 6])
            for round in run.rounds {
                try holds(Manifest.read(folder: run.checkpoint(round)).damages(run: run).isEmpty)
            }
            holds(Disk.names(run.states), equals: ["round-000002", "round-000006"])
            holds(Disk.names(run.states + "/round-000002"), equals: ["a.h5"])
        }
    }

    @Test("what cannot be written leaves the last checkpoint as it was")
    func failure() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            let first = try example.train(round: 1, try example.store())
            // A file is where a bank's folder should be.
            try DurableFile.remove("\(run.banks)/b")
            try example.folder.write("not a folder", to: "banks/b")
            let failure = #expect(throws: AgreedFailure.self) {
                try example.train(round: 2, try example.store())
            }
            holds(failure?.error?.subject, equals: "a checkpoint in \(run.checkpoints)")
            holds(failure?.error?.reason.contains("\(run.banks)/b"), equals: true)
            holds(run.rounds, equals: [1])
            try holds(String(contentsOfFile: run.latest, encoding: .utf8), equals: "round-000001\n")
            try holds(Manifest.read(folder: run.checkpoint(1)), equals: first)
        }
    }

    @Test("a checkpoint that is complete is not written again, as by a job that was taken for dead")
    func complete() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            let first = try example.train(round: 1, try example.store())
            let failure = #expect(throws: AgreedFailure.self) { try example.write(round: 1, try example.store()) }
            holds(failure?.error?.reason.contains("it is complete already"), equals: true)
            holds(first.damages(run: run).isEmpty)
            try holds(Manifest.read(folder: run.checkpoint(1)), equals: first)
        }
    }

    @Test("a checkpoint that is there under the same name gives way as a whole")
    func replacement() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            try example.folder.write("left by somebody", to: "checkpoints/round-000001/rubbish")
            let manifest = try example.train(round: 1, try example.store())
            holds(Disk.names(run.checkpoint(1)) == ["manifest.json", "server.h5"])
            try holds(Manifest.read(folder: run.checkpoint(1)).files, equals: manifest.files)
            holds(manifest.files.count, equals: 7)
        }
    }
}
