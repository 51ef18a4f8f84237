import FederatedLearning
import Federation
import Foundation
import HDF5
import NeuralNetwork
import Testing

/// Files that are made and read without the library: byte for byte its own.
@Suite("State image")
struct StateImageTests {
    /// A network with a dataset of several chunks, one of odd length and a count of steps.
    private static let layout: ParameterLayout = {
        var layout = ParameterLayout()
        _ = layout.register(
            "encoder.conv.weight", [20, 33, 3, 3, 3], order: .convolution, initialization: .uniform(fanIn: 9))
        _ = layout.register("encoder.conv.bias", [5], initialization: .constant(0))
        _ = layout.register("head.weight", [3, 262_145], initialization: .uniform(fanIn: 9))
        return layout
    }()

    private static func state(_ center: String, _ round: Int) -> CenterState {
        let variables = [
            Variable("network", layout), Variable("bank", layout, start: .zeros, rest: .history, hasOptimizer: false),
        ]
        let state = CenterState(center: center, heads: [4], variables: variables, parts: [.center], seed: 1)
        StateContents.scramble(state, round: round)
        return state
    }

    /// A file as the library makes it.
    private static func layOut(_ datasets: [StateDataset], _ marks: FileMarks) throws -> HDF5File {
        let file = try HDF5File.createInMemory(marks.center)
        try file.createGroup("info")
        try file.setAttribute("center", of: "info", to: marks.center)
        try file.setAttribute("round", of: "info", to: marks.round)
        try file.setAttribute("trained_round", of: "info", to: marks.round)
        if let steps = marks.steps { try file.setAttribute("steps", of: "info", to: steps) }
        if !marks.losses.isEmpty { try file.setAttribute("losses", of: "info", to: marks.losses) }
        try file.setAttribute("created", of: "info", to: marks.created)
        for dataset in datasets { try dataset.write(to: file) }
        try file.linkExternally("elsewhere", toFile: marks.roundName + ".h5", object: "/" + marks.center)
        return file
    }

    private static func image(_ state: CenterState, _ marks: FileMarks) throws -> StateImage? {
        let datasets = StateDataset.all(state, resting: [.checkpoint, .history])
        return try StateImage(datasets, marks) { try layOut(datasets, $0) }
    }

    private static func bytes(_ image: StateImage, _ state: CenterState, _ marks: FileMarks) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: image.size) { memory, count in
            image.fill(
                UnsafeMutableRawBufferPointer(memory), StateDataset.all(state, resting: [.checkpoint, .history]), marks)
            count = image.size
        }
    }

    private static let examples = [
        FileMarks(center: "center-1", round: 3), FileMarks(center: "center-1", round: 3, steps: 12),
        FileMarks(center: "Universitätsklinik", round: 0, losses: [0.25, -1, 1e300]),
    ]

    @Test("makes the bytes of the library for other names, rounds and values", arguments: examples)
    func sameBytes(_ marks: FileMarks) throws {
        let image = try #require(try Self.image(Self.state(marks.center, 1), marks))
        var other = marks
        other.center = String(marks.center.reversed())
        (other.round, other.roundName) = (70_000, RunPosition(round: 70_000).name)
        other.steps = marks.steps.map { $0 + 1_000_000 }
        other.losses = marks.losses.map { $0 / 3 }
        other.created = "1999-12-31T23:59:59Z"
        let state = Self.state(other.center, 5)
        let expected = try Self.layOut(StateDataset.all(state, resting: [.checkpoint, .history]), other)
        let made = Self.bytes(image, state, other)
        try expected.withImage { #expect(made.elementsEqual($0)) }

        let folder = try TemporaryFolder()
        try Data(made).write(to: URL(fileURLWithPath: folder.path + "/a.h5"))
        let read = Self.state(other.center, 2)
        let found = image.read(
            folder.path + "/a.h5", into: StateDataset.all(read, resting: [.checkpoint, .history]), like: marks)
        #expect(found == other)
        #expect(StateContents(read) == StateContents(state))
    }

    @Test("takes no file of which a byte differs for its own, but for marks")
    func damage() throws {
        let marks = FileMarks(center: "center-1", round: 3, steps: 4, losses: [1, 2])
        let state = Self.state(marks.center, 1)
        let image = try #require(try Self.image(state, marks))
        let bytes = Self.bytes(image, state, marks)
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.h5"
        let target = StateDataset.all(Self.state(marks.center, 2), resting: [.checkpoint, .history])
        var others = 0
        for index in 0..<400 {
            var damaged = bytes
            // The structure is at the front and at the back.
            let place = index % 2 == 0 ? index * 37 : index * (bytes.count - 1) / 399
            damaged[place] ^= 1 << UInt8(index % 8)
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            guard let found = image.read(path, into: target, like: marks) else { continue }
            #expect(found != marks, "byte \(place)")
            others += 1
        }
        #expect(others < 40)
        for size in [0, 100, bytes.count - 1] {
            try Data(bytes[..<size]).write(to: URL(fileURLWithPath: path))
            #expect(image.read(path, into: target, like: marks) == nil)
        }
        try Data(bytes + [0]).write(to: URL(fileURLWithPath: path))
        #expect(image.read(path, into: target, like: marks) == nil)
        #expect(image.read(folder.path + "/none.h5", into: target, like: marks) == nil)
    }

    @Test("is not learnt where names are too short to be found, or a file has what is no value")
    func unknown() throws {
        #expect(try Self.image(Self.state("abc", 1), FileMarks(center: "abc", round: 1)) == nil)
        let marks = FileMarks(center: "center-1", round: 1)
        let datasets = StateDataset.all(Self.state(marks.center, 1), resting: [.checkpoint])
        var count = 0
        let image = try StateImage(datasets, marks) { marks in
            count += 1
            let file = try Self.layOut(datasets, marks)
            try file.setAttribute("count", of: "info", to: count)
            return file
        }
        #expect(image == nil)
    }
}
