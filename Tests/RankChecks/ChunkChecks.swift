import MPI

/// Buffers that take several calls of MPI. The bound of a call is lowered, so little data show what 2^31 elements do.
func chunkChecks() -> [RankCheck] {
    [
        check("broadcasts and sums cross the borders of chunks") { world in
            for (count, chunk) in [(0, 1), (1, 1), (7, 1), (7, 3), (6, 3), (8, 9), (9, 9), (10, 9), (1000, 64)] {
                world.maximumChunk = chunk
                var values = (0..<count).map { pattern(world.rank, $0) }
                try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
                try values.withUnsafeMutableBufferPointer { try world.broadcast($0, root: 0) }
                let sums = (0..<count).map { element in
                    (0..<world.size).reduce(UInt64(0)) { $0 &+ pattern($1, element) }
                }
                expect(values == sums, "\(count) elements by \(chunk)")
                var numbers = (0..<count).map { Int64($0 * (world.rank + 1)) }
                try numbers.withUnsafeMutableBufferPointer { try world.allReduce($0, .maximum) }
                expect(numbers == (0..<count).map { Int64($0 * world.size) }, "\(count) elements by \(chunk)")
            }
        },
        check("gathered and scattered pieces cross the borders of chunks") { world in
            for chunk in [1, 2, 3, 5, 8, 1000] {
                world.maximumChunk = chunk
                try expectGather(world, root: world.size - 1) { 3 * $0 + 2 }
                try expectGather(world, root: 0) { $0 % 2 * 7 }
                try expectScatter(world, root: 0) { 3 * $0 + 2 }
                try expectScatter(world, root: world.size - 1) { ($0 + 1) % 2 * 7 }
            }
        },
        check("bytes cross the borders of chunks") { world in
            world.maximumChunk = 13
            let bytes = (0..<100 + world.rank).map { UInt8($0) }
            let gathered = try world.gatherBytes(bytes)
            expect(gathered == (world.rank == 0 ? (0..<world.size).map { (0..<100 + $0).map { UInt8($0) } } : nil))
            let received = try world.broadcastBytes(world.rank == 0 ? bytes : nil)
            expect(received == (0..<100).map { UInt8($0) })
        },
        check("large buffers arrive whole") { world in
            let count = 3_000_019
            var values = (0..<count).map { pattern(world.rank, $0) }
            try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
            try values.withUnsafeMutableBufferPointer { try world.broadcast($0, root: 0) }
            let same = values.indices.allSatisfy { element in
                values[element] == (0..<world.size).reduce(UInt64(0)) { $0 &+ pattern($1, element) }
            }
            expect(same)
            try expectGather(world, root: 0) { $0 == 0 ? 5 : 4_000_001 }
        },
    ]
}
