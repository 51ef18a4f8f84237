import MPI

/// Collectives on buffers of equal length, and on arrays.
func collectiveChecks() -> [RankCheck] {
    [
        check("ranks are numbered from 0 and agree on their number") { world in
            try expect(try world.allGather(Int64(world.rank)) == (0..<world.size).map { Int64($0) })
            try expect(try world.allReduce(Int64(world.size), .minimum) == Int64(world.size))
        },
        check("a broadcast brings the values of any root to all ranks") { world in
            for root in 0..<world.size {
                var floats = [Float](repeating: Float(world.rank), count: 1000)
                if world.rank == root { floats = (0..<1000).map { Float($0) + Float(root) / 8 } }
                try floats.withUnsafeMutableBufferPointer { try world.broadcast($0, root: root) }
                expect(floats == (0..<1000).map { Float($0) + Float(root) / 8 }, "root \(root)")
            }
        },
        check("a broadcast brings every element type") { world in
            try expectBroadcast([Double.pi, -.infinity], world)
            try expectBroadcast([Int64.min, -1, .max], world)
            try expectBroadcast([UInt64.max, 0], world)
            try expectBroadcast([UInt8](0...255), world)
            try expectBroadcast([Float](), world)
        },
        check("sums on the root wrap around and do not depend on the order of ranks") { world in
            for root in 0..<world.size {
                var values = (0..<257).map { element in pattern(world.rank, element) }
                let own = values
                try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: root) }
                let sums = (0..<257).map { element in
                    (0..<world.size).reduce(UInt64(0)) { $0 &+ pattern($1, element) }
                }
                expect(values == (world.rank == root ? sums : own), "root \(root)")
            }
        },
        check("the sum of no values is no values") { world in
            var values: [UInt64] = []
            try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: world.size - 1) }
            expect(values.isEmpty)
        },
        check("sums of two's complement bring negative numbers back") { world in
            var values = [UInt64(bitPattern: Int64(-1 - world.rank))]
            try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
            let sum = -(world.size * (world.size + 1) / 2)
            expect(world.rank != 0 || Int64(bitPattern: values[0]) == Int64(sum))
        },
        check("all ranks get sum, minimum and maximum of numbers") { world in
            let rank = Int64(world.rank)
            let last = Int64(world.size - 1)
            try expect(try world.allReduce(rank, .sum) == last * (last + 1) / 2)
            try expect(try world.allReduce(rank - 5, .minimum) == -5)
            try expect(try world.allReduce(rank * 3, .maximum) == last * 3)
            try expect(try world.allReduce(Double(rank) + 0.5, .minimum) == 0.5)
            try expect(try world.allReduce(Double(rank) + 0.5, .maximum) == Double(last) + 0.5)
            try expect(try world.allReduce(0.25, .sum) == 0.25 * Double(world.size))
        },
        check("all ranks get the sums of buffers") { world in
            var values = (0..<100).map { Double($0 * (world.rank + 1)) }
            try values.withUnsafeMutableBufferPointer { try world.allReduce($0, .sum) }
            let factor = world.size * (world.size + 1) / 2
            expect(values == (0..<100).map { Double($0 * factor) })
        },
        check("one number of each rank reaches all ranks") { world in
            let expected = (0..<world.size).map { Int64($0 * $0) - 1 }
            try expect(try world.allGather(Int64(world.rank * world.rank) - 1) == expected)
        },
        check("an array of each rank reaches the root") { world in
            for root in 0..<world.size {
                let gathered = try world.gather([Int64(world.rank), -7], root: root)
                expect(gathered == (world.rank == root ? (0..<world.size).map { [Int64($0), -7] } : nil))
            }
            let empty = try world.gather([])
            expect(empty == (world.rank == 0 ? [[Int64]](repeating: [], count: world.size) : nil))
        },
        check("bytes of any lengths reach the root") { world in
            for root in 0..<world.size {
                let gathered = try world.gatherBytes(text(of: world.rank), root: root)
                expect(gathered == (world.rank == root ? (0..<world.size).map { text(of: $0) } : nil))
            }
        },
        check("bytes of any root reach all ranks, also none") { world in
            for root in 0..<world.size {
                let bytes = world.rank == root ? text(of: root) : nil
                try expect(try world.broadcastBytes(bytes, root: root) == text(of: root), "root \(root)")
            }
            try expect(try world.broadcastBytes(world.rank == 0 ? [] : nil).isEmpty)
        },
    ]
}

/// Bytes that differ from rank to rank in content and length; none on every third.
private func text(of rank: Int) -> [UInt8] {
    rank % 3 == 2 ? [] : (0..<rank * 1000 + 1).map { UInt8(truncatingIfNeeded: $0 ^ rank) }
}

/// Large numbers, so that sums overflow.
func pattern(_ rank: Int, _ element: Int) -> UInt64 {
    UInt64(rank + 1) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(element) &* 0xBF58_476D_1CE4_E5B9
}

private func expectBroadcast<Element: MPIScalar & Equatable>(_ expected: [Element], _ world: Communicator) throws {
    let root = world.size - 1
    var values = world.rank == root ? expected : [Element](expected.reversed())
    try values.withUnsafeMutableBufferPointer { try world.broadcast($0, root: root) }
    expect(values == expected, "\(Element.self)")
}
