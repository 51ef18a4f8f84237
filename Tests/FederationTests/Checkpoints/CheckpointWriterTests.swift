import FedCRLD
import Federation
import Foundation
import MPI
import Testing

/// Ranks agree on what is written, so there is MPI, and each test has a process of its own.
@Suite("Checkpoint writer")
struct CheckpointWriterTests {
    /// A run of the example's centers with the stores of a placement, all in this process.
    @MainActor
    private final class Example {
        let folder: TemporaryFolder
        let rank: RankContext
        let model = GlobalModel(
            networks: ExampleCenters.names.map { ExampleCenters.network($0) }, prefixes: ["global_encoder"], seed: 1)
        private let environment: MPIEnvironment
        var run: RunFolder { RunFolder(folder.path) }

        init() throws {
            folder = try TemporaryFolder()
            environment = try MPIEnvironment()
            rank = RankContext(environment.world)
        }

        /// Trains all centers in a round and writes its checkpoint.
        func write(round: Int, _ store: CenterStore, _ relocalizations: CenterStore? = nil) throws -> Manifest {
            for name in ExampleCenters.names {
                for held in [store, relocalizations].compactMap({ $0 }) {
                    try ExampleCenters.train(name, round: round, in: held)
                }
            }
            let manifest = try CheckpointWriter(rank, folder: run, configuration: Configuration())
                .write(round: round, store: store, relocalizations: relocalizations, model: model)
            store.checkpointed(.init(manifest))
            relocalizations?.checkpointed(.init(manifest))
            return manifest
        }

        /// What all centers' states are after a round in which one process held them.
        func expected(round: Int) -> [StateContents] {
            ExampleCenters.names.map { name in
                let state = CenterState(
                    name: name, network: ExampleCenters.network(name), parts: CenterState.Part.allCases, seed: 0)
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
            let clients = ExampleCenters.store(run, capacity: 1, parts: [.client], placement: .root)
            let root = ExampleCenters.store(run, capacity: 1, parts: [.relocalization], placement: .root)
            let first = try example.write(round: 1, clients, root)
            #expect(first.damages(run: run).isEmpty)
            let whole = ExampleCenters.store(run, capacity: 1, baseline: first)
            #expect(try example.contents(whole) == example.expected(round: 1))

            // Then with the centers, in a second checkpoint that does not need the first one's files.
            let second = try example.write(round: 2, whole)
            try DurableFile.remove(run.checkpoint(1))
            #expect(second.damages(run: run).isEmpty)
            #expect(second.files.keys.allSatisfy { !$0.contains("relocalization") })

            // And back at the root.
            let clientsAgain = ExampleCenters.store(run, parts: [.client], placement: .root, baseline: second)
            let rootAgain = ExampleCenters.store(run, parts: [.relocalization], placement: .root, baseline: second)
            for name in ExampleCenters.names {
                _ = try (clientsAgain.state(of: name), rootAgain.state(of: name))
            }
            let third = try CheckpointWriter(example.rank, folder: run, configuration: Configuration())
                .write(round: 3, store: clientsAgain, relocalizations: rootAgain, model: example.model)
            #expect(third.damages(run: run).isEmpty)
            #expect(
                try example.contents(ExampleCenters.store(run, baseline: third)) == example.expected(round: 2))
            #expect(run.rounds == [3, 2])
        }
    }

    @Test("what cannot be written leaves the last checkpoint as it was, and can be tried again")
    func failure() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            let store = ExampleCenters.store(run)
            let first = try example.write(round: 1, store)
            // A folder is where a center's file should be.
            let blocked = ExampleCenters.store(run, baseline: first)
            for name in ExampleCenters.names { try ExampleCenters.train(name, round: 2, in: blocked) }
            try DurableFile.remove("\(run.banks)/b")
            try example.folder.write("not a folder", to: "banks/b")
            let state = try blocked.state(of: "b")
            state.bankRound = 1
            let writer = CheckpointWriter(example.rank, folder: run, configuration: Configuration())
            let failure = #expect(throws: AgreedFailure.self) {
                try writer.write(round: 2, store: blocked, relocalizations: nil, model: example.model)
            }
            #expect(failure?.error?.subject == "a checkpoint in \(run.checkpoints)")
            #expect(failure?.error?.reason.contains("\(run.banks)/b") == true)
            #expect(run.rounds == [1])
            #expect(try String(contentsOfFile: run.latest, encoding: .utf8) == "round-000001\n")

            try DurableFile.remove("\(run.banks)/b")
            let second = try writer.write(round: 2, store: blocked, relocalizations: nil, model: example.model)
            #expect(second.damages(run: run).isEmpty)
            #expect(run.rounds == [2, 1])
            #expect(Disk.names(run.checkpoints) == ["latest", "round-000001", "round-000002"])
        }
    }

    @Test("a checkpoint that is there under the same name gives way as a whole")
    func replacement() async {
        await #expect(processExitsWith: .success) { @MainActor in
            let example = try Example()
            let run = example.run
            try example.folder.write("left by somebody", to: "checkpoints/round-000001/rubbish")
            try example.folder.write("left by a crash", to: "checkpoints/round-000001.partial/centers/z.h5")
            let manifest = try example.write(round: 1, ExampleCenters.store(run))
            #expect(Disk.names(run.checkpoint(1)) == ["centers", "manifest.json", "server.h5"])
            #expect(Disk.names(run.checkpoint(1) + "/centers") == ["a.h5", "b.h5", "c.h5"])
            #expect(try Manifest.read(folder: run.checkpoint(1)).files == manifest.files)
            #expect(manifest.files.count == 7)
        }
    }
}
