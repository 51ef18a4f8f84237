import MPI
import Testing

@MainActor
@Suite("A process started without mpirun", .serialized)
struct SingletonTests {
    let world: Communicator

    init() throws { world = try SharedEnvironment.world }

    @Test("is the only rank of its world")
    func alone() throws {
        #expect(world.rank == 0)
        #expect(world.size == 1)
        #expect(!world.nodeName.isEmpty)
        #expect(try !SharedEnvironment.libraryVersion.isEmpty)
        #expect(try !SharedEnvironment.libraryVersion.contains("\n"))
    }

    @Test("cannot start MPI twice")
    func startsOnce() throws {
        let error = #expect(throws: MPIError.self) { _ = try MPIEnvironment() }
        #expect(error?.reason == "it was started before in this process")
    }

    @Test("keeps its values in collectives on buffers")
    func buffers() throws {
        var values: [UInt64] = [.max, 0, 7]
        try values.withUnsafeMutableBufferPointer {
            try world.broadcast($0, root: 0)
            try world.reduceSum($0, root: 0)
            try world.allReduce($0, .sum)
        }
        #expect(values == [.max, 0, 7])
    }

    @Test("gathers and scatters by copying")
    func pieces() throws {
        let piece: [Float] = [1, 2, 3]
        var whole: [Float] = [0, 0, 0]
        try piece.withUnsafeBufferPointer { piece in
            try whole.withUnsafeMutableBufferPointer {
                try world.gatherVariable(send: piece, counts: [3], into: $0, root: 0)
            }
        }
        #expect(whole == piece)
        var back: [Float] = [0, 0, 0]
        try whole.withUnsafeBufferPointer { whole in
            try back.withUnsafeMutableBufferPointer {
                try world.scatterVariable(send: whole, counts: [3], into: $0, root: 0)
            }
        }
        #expect(back == piece)
    }

    @Test("refuses a piece of another length than expected")
    func wrongLength() throws {
        world.context = "center A, round 3"
        defer { world.context = "" }
        var whole: [Float] = [0, 0]
        let error = #expect(throws: MPIError.self) {
            try [Float]([1, 2, 3]).withUnsafeBufferPointer { piece in
                try whole.withUnsafeMutableBufferPointer {
                    try world.gatherVariable(send: piece, counts: [2], into: $0, root: 0)
                }
            }
        }
        #expect(
            error?.description
                == "cannot gather pieces onto the root on rank 0 (center A, round 3): the piece of rank 0 has not the "
                + "length that the root expects; give all ranks the same configuration and data")
    }

    @Test("gets its own arrays and numbers back")
    func arrays() throws {
        #expect(try world.gather([4, 5]) == [[4, 5]])
        #expect(try world.gather([]) == [[]])
        #expect(try world.gatherBytes([1, 2, 3]) == [[1, 2, 3]])
        #expect(try world.gatherBytes([]) == [[]])
        #expect(try world.broadcastBytes([9]) == [9])
        #expect(try world.allGather(-3) == [-3])
        #expect(try world.allReduce(2.5, .maximum) == 2.5)
        #expect(try world.allReduce(Int64(7), .sum) == 7)
    }

    @Test("spends no time on communication")
    func accounting() throws {
        world.resetAccounting()
        try world.barrier()
        _ = try world.gatherBytes([1, 2, 3])
        #expect(world.waitSeconds == 0)
        #expect(world.communicateSeconds == 0)
        #expect(world.bytesMoved == 0)
    }
}
