import FedCRLD
import FederatedLearning
import Federation
import Foundation
import HDF5
import Testing

@Suite("Center store")
struct CenterStoreTests {
    @Test("a center that was never trained is as the seed makes it")
    func initial() throws {
        let folder = try TemporaryFolder()
        let store = try ExampleCenters.store(RunFolder(folder.path))
        for name in ExampleCenters.names {
            let expected = try ExampleCenters.state(name)
            #expect(try StateContents(store.state(of: name)) == StateContents(expected))
            #expect(store.trainedRound(of: name) == 0)
        }
        #expect(Disk.names(folder.path).isEmpty, "nothing is written for what the seed tells")
    }

    @Test("centers that give way come back with the same bits, whatever the capacity", arguments: 1...3)
    func eviction(_ capacity: Int) throws {
        let folder = try TemporaryFolder()
        let disk = DiskQueue(limit: 1)
        let store = try ExampleCenters.store(RunFolder(folder.path), capacity: capacity, disk: disk)
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
        disk.drain()
        #expect(Disk.names(folder.path + "/working").isEmpty == (capacity == 3))
    }

    @Test("a center in the middle of a round never gives way")
    func underWay() throws {
        let folder = try TemporaryFolder()
        let store = try ExampleCenters.store(RunFolder(folder.path), capacity: 1)
        let state = try store.state(of: "a")
        store.begin(state)
        state.steps = 1
        for name in ["b", "c", "b"] { _ = try store.state(of: name) }
        #expect(try store.state(of: "a") === state)
        try store.finish(state, round: 3)
        _ = try store.state(of: "c")
        #expect(!store.isResident("a"))
        #expect(store.trainedRound(of: "a") == 3)
    }

    @Test("a center that is read ahead comes with the same bits, and as it is when it is asked for")
    func prefetch() throws {
        let folder = try TemporaryFolder()
        let store = try ExampleCenters.store(RunFolder(folder.path), capacity: 1)
        let expected = try ExampleCenters.train("a", round: 1, in: store)
        try ExampleCenters.train("b", round: 1, in: store)
        store.prefetch("a")
        #expect(try StateContents(store.state(of: "a")) == expected)
        // Asked for another one first.
        store.prefetch("b")
        let later = try ExampleCenters.train("a", round: 2, in: store)
        _ = try store.state(of: "c")
        #expect(try StateContents(store.state(of: "a")) == later)
    }

    @Test("a center that moves to another rank is there as the one before left it")
    func moves() throws {
        let folder = try TemporaryFolder()
        let disk = DiskQueue(limit: 1 << 20)
        let first = try ExampleCenters.store(RunFolder(folder.path), disk: disk)
        let second = try ExampleCenters.store(RunFolder(folder.path))
        for (round, from, to) in [(1, first, second), (2, second, first), (3, first, second)] {
            let expected = try ExampleCenters.train("a", round: round, in: from)
            try from.release(["a"])
            // The ranks' queues are apart: a rank waits for its own before the others go on.
            #expect(try from.withState(of: "a") { StateContents($0) } == expected)
            to.adopt("a", trainedRound: round)
            #expect(try StateContents(to.state(of: "a")) == expected)
        }
    }

    @Test("a checkpoint in the middle of a round holds a center's steps and bank")
    func middle() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, disk: disk)
        let done = try ExampleCenters.train("b", round: 1, in: store)
        let state = try store.state(of: "a")
        store.begin(state)
        StateContents.scramble(state, round: 9)
        state.steps = 5
        var progress = RoundProgress()
        for (name, steps) in [("a", 5), ("b", 7)] {
            progress.centers[name] = .init()
            progress.centers[name]?.steps = steps
        }
        let position = RunPosition(round: 0, steps: 12)
        let manifest = try ExampleCenters.checkpoint(store, position, run, disk, progress: progress)
        #expect(manifest.position == position)
        #expect(manifest.isUnderWay("a") && !manifest.isUnderWay("b") && !manifest.isUnderWay("c"))
        #expect(manifest.damages(run: run).isEmpty)
        let resumed = try ExampleCenters.store(run, baseline: manifest)
        let again = try resumed.state(of: "a")
        #expect(again.steps == 5)
        #expect(StateContents(again) == StateContents(state))
        #expect(try StateContents(resumed.state(of: "b")) == done)
        // Stopped once more without having been touched.
        let later = DiskQueue(limit: 1 << 20)
        let untouched = try ExampleCenters.store(run, baseline: manifest, disk: later)
        let second = try ExampleCenters.checkpoint(
            untouched, position, run, later, progress: progress, after: manifest)
        #expect(second.damages(run: run).isEmpty)
        #expect(try StateContents(ExampleCenters.store(run, baseline: second).state(of: "a")) == StateContents(state))
    }

    @Test("a center that comes back from another rank is known by what that rank wrote")
    func comesBack() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let (disk, otherDisk) = (DiskQueue(limit: 1 << 20), DiskQueue(limit: 1 << 20))
        let (here, there) = (try ExampleCenters.store(run, disk: disk), try ExampleCenters.store(run, disk: otherDisk))
        for name in ExampleCenters.names { try ExampleCenters.train(name, round: 1, in: here) }
        try here.release(["a"])
        disk.drain()
        there.adopt("a", trainedRound: 1)
        let expected = try ExampleCenters.train("a", round: 2, in: there)
        try there.release(["a"])
        otherDisk.drain()
        here.adopt("a", trainedRound: 2)
        let manifest = try ExampleCenters.checkpoint(here, RunPosition(round: 2), run, disk)
        #expect(manifest.damages(run: run).isEmpty, "the checkpoint has the checksum of the file before")
        #expect(manifest.trainedRounds["a"] == 2)
        #expect(try StateContents(here.state(of: "a")) == expected)
    }

    @Test("a center that moved is not taken in the state of another round, nor begun anew where its file is missing")
    func otherRound() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let (here, there) = (try ExampleCenters.store(run, disk: disk), try ExampleCenters.store(run))
        try ExampleCenters.train("a", round: 1, in: here)
        try here.release(["a"])
        disk.drain()
        there.adopt("a", trainedRound: 2)
        there.adopt("b", trainedRound: 2)
        // Each is looked for some seconds.
        let reasons = [("a", "it is of round 1, and the center was last trained in round 2"), ("b", "no such file")]
        for (name, reason) in reasons {
            let error = #expect(throws: (any Error).self) { try there.state(of: name) }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(reason), "\(text)")
        }
    }

    @Test("a center that was never trained has no file in a checkpoint")
    func untrained() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, disk: disk)
        let trained = try ExampleCenters.train("b", round: 1, in: store)
        let fresh = try StateContents(store.state(of: "a"))
        let manifest = try ExampleCenters.checkpoint(store, RunPosition(round: 1), run, disk)
        #expect(manifest.trainedRounds == ["a": 0, "b": 1, "c": 0])
        #expect(Disk.names(run.states + "/round-000001") == ["b.h5"])
        let resumed = try ExampleCenters.store(run, baseline: manifest)
        #expect(try StateContents(resumed.state(of: "a")) == fresh)
        #expect(try StateContents(resumed.state(of: "b")) == trained)
    }

    @Test("a checkpoint of a center whose snapshot is gone is refused, not written without it")
    func lostSnapshot() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, disk: disk)
        try ExampleCenters.train("a", round: 1, in: store)
        disk.drain()
        try DurableFile.remove("\(folder.path)/\(RunFolder.bank(center: "a", round: 1))")
        try store.contribute(["a"], to: CheckpointDraft(run, RunPosition(round: 1)))
        disk.drain()
        #expect(
            disk.failure?.description.contains("the snapshot of center a is gone") == true, "\(disk.failure as Any)")
    }

    @Test("a center that is evaluated in between without change is not written")
    func unchanged() throws {
        let folder = try TemporaryFolder()
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(RunFolder(folder.path), capacity: 1, disk: disk)
        let expected = try ExampleCenters.train("a", round: 1, in: store)
        for name in ["b", "c", "a", "b"] { _ = try store.state(of: name) }
        disk.drain()
        #expect(Disk.names(folder.path + "/working") == ["a.h5"])
        #expect(try StateContents(store.state(of: "a")) == expected)
    }

    @Test("a run goes on from a checkpoint's files with the same bits", arguments: [1, 3], [1, 3])
    func checkpoint(_ before: Int, _ after: Int) throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, capacity: before, disk: disk)
        var expected: [String: StateContents] = [:]
        for name in ExampleCenters.names { expected[name] = try ExampleCenters.train(name, round: 1, in: store) }
        let first = try ExampleCenters.checkpoint(store, RunPosition(round: 1), run, disk)
        // Only one takes part in the second round.
        expected["b"] = try ExampleCenters.train("b", round: 2, in: store)
        let manifest = try ExampleCenters.checkpoint(store, RunPosition(round: 2), run, disk, after: first)
        #expect(manifest.trainedRounds == ["a": 1, "b": 2, "c": 1])
        #expect(manifest.damages(run: run).isEmpty)
        store.removeWorkingFiles()
        #expect(Disk.names(run.path) == ["banks", "states"])

        let resumed = try ExampleCenters.store(run, capacity: after, baseline: manifest)
        for name in ExampleCenters.names {
            #expect(resumed.trainedRound(of: name) == manifest.trainedRounds[name])
            #expect(try StateContents(resumed.state(of: name)) == expected[name])
        }
    }

    @Test("a checkpoint has new files of those alone that were trained since the one before, resumed or not")
    func news() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, capacity: 1, disk: disk)
        for name in ExampleCenters.names { try ExampleCenters.train(name, round: 1, in: store) }
        let first = try ExampleCenters.checkpoint(store, RunPosition(round: 1), run, disk)
        let b = try ExampleCenters.train("b", round: 2, in: store)
        // Begun, and stopped before its first step: that is no news of it.
        store.begin(try store.state(of: "c"))
        let second = try ExampleCenters.checkpoint(store, RunPosition(round: 2), run, disk, after: first)
        let resumed = try ExampleCenters.store(run, baseline: second, disk: disk)
        let third = try ExampleCenters.checkpoint(resumed, RunPosition(round: 3), run, disk, after: second)
        #expect(Disk.names(run.states) == ["round-000001", "round-000002"])
        #expect(Disk.names(run.states + "/round-000002") == ["b.h5"])
        #expect(third.files == second.files)
        #expect(
            third.stateFiles() == [
                "a.h5": "states/round-000001/a.h5", "b.h5": "states/round-000002/b.h5",
                "c.h5": "states/round-000001/c.h5",
            ])
        let c = try ExampleCenters.train("c", round: 4, in: resumed)
        let fourth = try ExampleCenters.checkpoint(resumed, RunPosition(round: 4), run, disk, after: third)
        #expect(Disk.names(run.states + "/round-000004") == ["c.h5"])
        #expect(fourth.damages(run: run).isEmpty)
        let last = try ExampleCenters.store(run, baseline: fourth)
        #expect(try StateContents(last.state(of: "b")) == b)
        #expect(try StateContents(last.state(of: "c")) == c)
    }

    @Test("a snapshot of each bank is kept for each round of training")
    func snapshots() throws {
        let folder = try TemporaryFolder()
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(RunFolder(folder.path), capacity: 1, disk: disk)
        for round in [1, 2, 5] { try ExampleCenters.train("a", round: round, in: store) }
        disk.drain()
        #expect(
            Disk.names(folder.path + "/banks/a") == ["round-000001.h5", "round-000002.h5", "round-000005.h5"])
        let file = try HDF5File.open(at: folder.path + "/banks/a/round-000005.h5")
        let bank = try store.state(of: "a")["bank"]
        let entry = bank.layout.entries[4]
        let path = "bank/" + entry.name.replacing(".", with: "/")
        #expect(try file.read(path, as: Float.self) == entry.pytorchValues(bank))
        #expect(try file.shape(of: path) == entry.shape)
        #expect(try file.attribute("kind", of: "info") == "bank")
        #expect(try file.attribute("round", of: "info") == 5)
    }

    @Test("parts that are held apart are linked: a center's file leads to its relocalization in the root's")
    func links() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let clients = try ExampleCenters.store(run, parts: [.center], placement: .root, disk: disk)
        let root = try ExampleCenters.store(
            run, parts: [FedCRLDMethod.relocalizationPart], placement: .root, disk: disk)
        for name in ExampleCenters.names {
            try ExampleCenters.train(name, round: 1, in: clients)
            try ExampleCenters.train(name, round: 1, in: root)
        }
        disk.drain()
        #expect(
            Disk.names(folder.path + "/banks/c") == ["round-000001.h5", "round-000001.relocalization.h5"])
        let snapshot = try HDF5File.open(at: folder.path + "/banks/c/round-000001.h5")
        let bank = try root.state(of: "c")["bank", FedCRLDMethod.relocalizationPart]
        let entry = bank.layout.entries[0]
        let path = "bank/" + entry.name.replacing(".", with: "/")
        #expect(try snapshot.read(path, as: Float.self) == entry.pytorchValues(bank))
    }

    @Test("a file of another width, of a newer format or of another program is refused by name")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let run = RunFolder(folder.path)
        let disk = DiskQueue(limit: 1 << 20)
        let store = try ExampleCenters.store(run, disk: disk)
        for name in ExampleCenters.names { try ExampleCenters.train(name, round: 1, in: store) }
        let manifest = try ExampleCenters.checkpoint(store, RunPosition(round: 1), run, disk)
        func reason(width: Int = 4) -> String? {
            let error = #expect(throws: FederationError.self) {
                try ExampleCenters.store(run, baseline: manifest, width: width).state(of: "a")
            }
            #expect(error?.subject == "\(run.states)/round-000001/a.h5")
            return error?.reason
        }
        #expect(reason(width: 8) == "its network has width 4, the configuration says 8")
        let path = "\(run.states)/round-000001/a.h5"
        do {
            let file = try HDF5File.openForUpdate(at: path)
            try file.setAttribute("classes", of: "info", to: 7)
        }
        #expect(reason() == "its network has 7 classes, the cohort has 2")
        do {
            let file = try HDF5File.openForUpdate(at: path)
            try file.setAttribute("format_version", of: "info", to: StateFile.formatVersion + 1)
        }
        #expect(reason()?.hasPrefix("its format version is \(StateFile.formatVersion + 1)") == true)
        do { try HDF5File.create(at: path).close() }
        #expect(reason()?.contains("was not written by this program") == true)
        try "not HDF5".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: HDF5Error.self) {
            try ExampleCenters.store(run, baseline: manifest).state(of: "a")
        }
    }
}
