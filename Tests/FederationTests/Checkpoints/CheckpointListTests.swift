import Federation
import Foundation
import Testing

@Suite("Checkpoint list")
struct CheckpointListTests {
    /// A run of many centers of which few take part in a round, with files of a few bytes in place of states.
    private struct Example {
        let folder: TemporaryFolder
        let names: [String]
        var configuration = Configuration()
        var list: CheckpointList
        var outdated = OutdatedFiles()
        /// What each checkpoint should list of centers.
        var expected: [RunPosition: [String: Int]] = [:]
        var trained: [String: Int]
        /// Entries that all manifests together have.
        var written = 0
        private let records: [String: DurableFile.Fingerprint]
        private var random = Generator()
        var run: RunFolder { RunFolder(folder.path) }

        private struct Generator: RandomNumberGenerator {
            var state: UInt64 = 7
            mutating func next() -> UInt64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return state ^ state >> 29
            }
        }

        init(centers: Int, fewest: Int = 2) throws {
            folder = try TemporaryFolder()
            names = (0..<centers).map { "center-\($0)" }
            trained = Dictionary(uniqueKeysWithValues: names.map { ($0, 0) })
            let record = try DurableFile.fingerprint(folder.write("record", to: "data/all-00000000.json"))
            records = ["data/all-00000000.json": record]
            list = CheckpointList(centers: names, records: records, fewest: fewest)
            configuration.checkpoint.keep = 2
            configuration.checkpoint.keepEvery = 16
            configuration.historyDepth = 1
        }

        /// Begins again from the newest checkpoint, as another process does.
        mutating func resume() throws {
            let newest = try Manifest.read(folder: run.checkpoint(run.positions[0]))
            list = CheckpointList(centers: names, records: records, baseline: newest, fewest: 2)
            outdated = OutdatedFiles()
        }

        mutating func round(_ round: Int, participants: Int) throws {
            let position = RunPosition(round: round)
            var report = CheckpointDraft.Report(position: position)
            let server = "checkpoints/\(position.name)/server.h5"
            report.files[server] = try DurableFile.fingerprint(folder.write("server \(round)", to: server))
            for name in names.shuffled(using: &random).prefix(participants) {
                let files = [RunFolder.state(name, since: position), RunFolder.bank(center: name, round: round)]
                let fingerprints = try files.map {
                    ($0, try DurableFile.fingerprint(folder.write("\(name) \(round)", to: $0)))
                }
                report.centers[files[0]] = .init(
                    center: name, trainedRound: round, files: Dictionary(uniqueKeysWithValues: fingerprints))
                trained[name] = round
            }
            let changes = list.take(report)
            written += changes.trainedRounds.count
            if let kept = changes.keepsList {
                try DurableFile.makeFolder(run.lists)
                try DurableFile.share(
                    "\(run.checkpoint(kept))/\(Manifest.fileName)", as: "\(run.path)/\(RunFolder.list(of: kept))")
            }
            let manifest = try ExampleCenters.manifest(
                round: round, trainedRounds: changes.trainedRounds, files: changes.files)
            try manifest.write(to: run.checkpoint(round))
            list.note(try DurableFile.fingerprint("\(run.checkpoint(round))/\(Manifest.fileName)"))
            outdated.add(changes.outdated, until: position)
            let problems = CheckpointRetention(run, configuration)
                .prune(newest: manifest, told: changes.told, outdated: outdated)
            #expect(problems.isEmpty)
            expected[position] = trained
        }

        /// All checkpoints that are there list what they should, all of it is sound, and nothing else is there.
        func check() throws {
            var needed: Set<String> = []
            for position in run.positions {
                let manifest = try Manifest.read(folder: run.checkpoint(position))
                let expected = try #require(expected[position])
                #expect(manifest.trainedRounds == expected)
                #expect(manifest.damages(run: run).isEmpty)
                for (name, round) in expected where round > 0 {
                    let state = RunFolder.state(name, since: RunPosition(round: round))
                    #expect(manifest.stateFiles()["\(name).h5"] == state)
                    #expect(manifest.files[RunFolder.bank(center: name, round: round)] != nil)
                }
                let lists = manifest.files.keys.count { $0.hasPrefix("lists/") }
                let files = 2 + lists + 2 * expected.values.count { $0 > 0 }
                #expect(manifest.files.count == files)
                needed.formUnion(manifest.files.keys)
            }
            var found: Set<String> = []
            for top in ["states", "lists", "banks", "data"] {
                for name in FileManager.default.enumerator(atPath: "\(run.path)/\(top)")?.allObjects ?? [] {
                    let path = "\(top)/\(name)"
                    if path.hasSuffix(".h5") || path.hasSuffix(".json") { found.insert(path) }
                }
            }
            needed = needed.filter { !$0.hasPrefix("checkpoints/") }
            #expect(found.symmetricDifference(needed).sorted() == [])
            for place in Disk.names(run.states) { #expect(!Disk.names("\(run.states)/\(place)").isEmpty) }
        }
    }

    @Test("all checkpoints that stay list what they should, and nothing else stays", arguments: [1, 3, 20, 60])
    func rounds(_ participants: Int) throws {
        var example = try Example(centers: 60)
        for round in 1...40 { try example.round(round, participants: participants) }
        #expect(example.run.rounds == [40, 39, 32, 16])
        try example.check()
        // Two processes more, that know nothing of the files of those before.
        for start in [41, 55] {
            try example.resume()
            for round in start..<(start + 14) { try example.round(round, participants: participants) }
            try example.check()
        }
    }

    @Test("what rounds of few centers write does not grow with the number of all")
    func cost() throws {
        var example = try Example(centers: 2000)
        try example.round(1, participants: 2)
        #expect(example.written == 2000, "the first lists all")
        let rounds = 128
        for round in 2...rounds { try example.round(round, participants: 2) }
        // Each entry is written again when a list of as many is taken in: a logarithm's number of times.
        #expect(example.written - 2000 <= 2 * rounds * 8, "\(example.written)")
        let newest = try Manifest.read(folder: example.run.checkpoint(rounds))
        #expect(newest.files.keys.count { $0.hasPrefix("lists/") } <= 8)
        try example.check()
    }

    @Test("a manifest is whole where no list of an earlier checkpoint is worth a file")
    func whole() throws {
        var example = try Example(centers: 60, fewest: 60)
        for round in 1...20 { try example.round(round, participants: 3) }
        #expect(!Disk.exists(example.run.lists))
        let text = try String(
            contentsOfFile: "\(example.run.checkpoint(20))/\(Manifest.fileName)", encoding: .utf8)
        for name in example.names { #expect(text.contains("\"\(name)\" : ")) }
        try example.check()
    }

    @Test("a list that is damaged or gone is named, and its checkpoint is not taken for whole")
    func damage() throws {
        var example = try Example(centers: 40)
        for round in 1...6 { try example.round(round, participants: 3) }
        let (run, folder) = (example.run, example.run.checkpoint(6))
        let name = try #require(Disk.names(run.lists).first)
        let path = "\(run.lists)/\(name)"
        let content = try Data(contentsOf: URL(filePath: path))
        try Disk.truncate(path, by: 3)
        // The file is the manifest of the checkpoint that it was.
        let damaged = #expect(throws: FederationError.self) { try Manifest.read(folder: folder) }
        #expect(damaged?.subject == path && damaged?.reason.hasPrefix("it is damaged") == true)
        try DurableFile.remove(path)
        let missing = #expect(throws: FederationError.self) { try Manifest.read(folder: folder) }
        #expect(missing?.subject == path && missing?.reason == "there is no such file")
        // Another run's.
        let other = try ExampleCenters.manifest(round: 1, trainedRounds: ["center-0": 1], files: [:])
        try DurableFile.write(other.encoded(), to: path)
        let wrong = #expect(throws: FederationError.self) { try Manifest.read(folder: folder) }
        #expect(wrong?.subject == path)
        try content.write(to: URL(filePath: path))
        #expect(try Manifest.read(folder: folder).trainedRounds == example.trained)
        // It went with the checkpoint while somebody read.
        try DurableFile.remove(path)
        try DurableFile.remove("\(folder)/\(Manifest.fileName)")
        let gone = #expect(throws: FederationError.self) { try Manifest.read(folder: folder) }
        #expect(gone?.subject == "\(folder)/\(Manifest.fileName)")
    }
}
