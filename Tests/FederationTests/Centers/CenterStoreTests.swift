import FedCRLD
import Federation
import Foundation
import HDF5
import Testing

@Suite("Center store")
struct CenterStoreTests {
    @Test("a center that was never trained is as the seed makes it")
    func initial() throws {
        let folder = try TemporaryFolder()
        let store = ExampleCenters.store(RunFolder(folder.path))
        for name in ExampleCenters.names {
            let expected = CenterState(
                name: name, network: ExampleCenters.network(name), parts: CenterState.Part.allCases,
                seed: ExampleCenters.seed)
            #expect(try StateContents(store.state(of: name)) == StateContents(expected))
            #expect(store.trainedRound(of: name) == 0)
        }
        #expect(Disk.names(folder.path).isEmpty, "nothing is written for what the seed tells")
    }

    @Test("centers that give way come back with the same bits, whatever the capacity", arguments: 1...3)
    func eviction(_ capacity: Int) throws {
        let folder = try TemporaryFolder()
        let store = ExampleCenters.store(RunFolder(folder.path), capacity: capacity)
        for round in 1...2 {
            var expected: [String: StateContents] = [:]
            for name in ExampleCenters.names {
                expected[name] = try ExampleCenters.train(name, round: round, in: store)
            }
            for name in ExampleCenters.names.reversed() {
                #expect(try StateContents(store.state(of: name)) == expected[name])
                #expect(store.trainedRound(of: name) == round)
            }
        }
        #expect(Disk.names(folder.path + "/working").isEmpty == (capacity == 3))
    }

    @Test("a center that gives way before its training's end is noted keeps its bank, too")
    func setAside() throws {
        let folder = try TemporaryFolder()
        let store = ExampleCenters.store(RunFolder(folder.path), capacity: 1)
        let state = try store.state(of: "a")
        store.begin(round: 3, state)
        StateContents.scramble(state, round: 3)
        let expected = StateContents(state)
        _ = try store.state(of: "b")
        try store.finish("a")
        #expect(Disk.names(folder.path + "/banks/a") == ["round-000003.h5"])
        #expect(store.trainedRound(of: "a") == 3)
        #expect(try store.withState(of: "a") { StateContents($0) } == expected)
    }

    @Test("a center that is evaluated in between without change is not written")
    func unchanged() throws {
        let folder = try TemporaryFolder()
        let store = ExampleCenters.store(RunFolder(folder.path), capacity: 1)
        let expected = try ExampleCenters.train("a", round: 1, in: store)
        for name in ["b", "c", "a", "b"] { _ = try store.state(of: name) }
        #expect(Disk.names(folder.path + "/working") == ["a.h5"])
        #expect(try StateContents(store.state(of: "a")) == expected)
    }

    @Test("a run goes on from a checkpoint's files with the same bits", arguments: [1, 3], [1, 3])
    func checkpoint(_ before: Int, _ after: Int) throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let store = ExampleCenters.store(run, capacity: before)
        var expected: [String: StateContents] = [:]
        for name in ExampleCenters.names { expected[name] = try ExampleCenters.train(name, round: 1, in: store) }
        _ = try ExampleCenters.checkpoint(store, round: 1, run)
        // Only one takes part in the second round.
        expected["b"] = try ExampleCenters.train("b", round: 2, in: store)
        let manifest = try ExampleCenters.checkpoint(store, round: 2, run)
        #expect(manifest.banks == ["a": 1, "b": 2, "c": 1])
        #expect(Disk.names(run.working).isEmpty)

        let resumed = ExampleCenters.store(run, capacity: after, baseline: manifest)
        for name in ExampleCenters.names {
            #expect(resumed.trainedRound(of: name) == manifest.banks[name])
            #expect(try StateContents(resumed.state(of: name)) == expected[name])
        }
    }

    @Test("a checkpoint shares the file of a center that rests in this run's last one")
    func shared() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let store = ExampleCenters.store(run, capacity: 1)
        for name in ExampleCenters.names { try ExampleCenters.train(name, round: 1, in: store) }
        _ = try ExampleCenters.checkpoint(store, round: 1, run)
        try ExampleCenters.train("b", round: 2, in: store)
        _ = try ExampleCenters.checkpoint(store, round: 2, run)
        func node(_ round: Int, _ name: String) throws -> Int? {
            try Disk.node("\(run.checkpoint(round))/centers/\(name).h5")
        }
        #expect(try node(1, "a") == node(2, "a"))
        #expect(try node(1, "b") != node(2, "b"))
    }

    @Test("a snapshot of each bank is kept for each round of training")
    func snapshots() throws {
        let folder = try TemporaryFolder()
        let store = ExampleCenters.store(RunFolder(folder.path), capacity: 1)
        for round in [1, 2, 5] { try ExampleCenters.train("a", round: round, in: store) }
        #expect(
            Disk.names(folder.path + "/banks/a") == ["round-000001.h5", "round-000002.h5", "round-000005.h5"])
        let file = try HDF5File.open(at: folder.path + "/banks/a/round-000005.h5")
        let bank = try store.state(of: "a").part(.client)
        let entry = bank.layout.entries[4]
        let path = "bank/" + entry.name.replacing(".", with: "/")
        #expect(try file.read(path, as: Float.self) == entry.pytorchValues(bank.bank))
        #expect(try file.shape(of: path) == entry.shape)
        #expect(try file.attribute("kind", of: "info") == "bank")
        #expect(try file.attribute("round", of: "info") == 5)
    }

    @Test("parts that are held apart are linked: a center's file leads to the relocalization in the root's")
    func links() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let clients = ExampleCenters.store(run, parts: [.client], placement: .root)
        let root = ExampleCenters.store(run, parts: [.relocalization], placement: .root)
        for name in ExampleCenters.names {
            try ExampleCenters.train(name, round: 1, in: clients)
            try ExampleCenters.train(name, round: 1, in: root)
        }
        #expect(
            Disk.names(folder.path + "/banks/c") == ["round-000001.h5", "round-000001.relocalization.h5"])
        let snapshot = try HDF5File.open(at: folder.path + "/banks/c/round-000001.h5")
        let bank = try root.state(of: "c").part(.relocalization)
        let entry = bank.layout.entries[0]
        let path = "bank/" + entry.name.replacing(".", with: "/")
        #expect(try snapshot.read(path, as: Float.self) == entry.pytorchValues(bank.bank))
    }

    @Test("a file of another width, of a newer format or of another program is refused by name")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let store = ExampleCenters.store(run)
        for name in ExampleCenters.names { try ExampleCenters.train(name, round: 1, in: store) }
        let manifest = try ExampleCenters.checkpoint(store, round: 1, run)
        func reason(width: Int = 4) -> String? {
            let error = #expect(throws: FederationError.self) {
                try ExampleCenters.store(run, baseline: manifest, width: width).state(of: "a")
            }
            #expect(error?.subject == "\(run.checkpoint(1))/centers/a.h5")
            return error?.reason
        }
        #expect(reason(width: 8) == "its network has width 4, the configuration says 8")
        let path = "\(run.checkpoint(1))/centers/a.h5"
        do {
            let file = try HDF5File.openForUpdate(at: path)
            try file.setAttribute("classes", of: "info", to: 7)
        }
        #expect(reason() == "its network has 7 classes, the cohort has 2")
        do {
            let file = try HDF5File.openForUpdate(at: path)
            try file.setAttribute("format_version", of: "info", to: StateFile.formatVersion + 1)
        }
        #expect(reason()?.hasPrefix("its format version is 2") == true)
        do { try HDF5File.create(at: path).close() }
        #expect(reason()?.contains("was not written by this program") == true)
        try "not HDF5".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: HDF5Error.self) {
            try ExampleCenters.store(run, baseline: manifest).state(of: "a")
        }
    }
}
