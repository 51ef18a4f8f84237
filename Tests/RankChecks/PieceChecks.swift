import MPI

/// Collectives on pieces of different lengths.
func pieceChecks() -> [RankCheck] {
    [
        check("pieces of different lengths reach any root in the order of ranks") { world in
            for root in 0..<world.size { try expectGather(world, root: root) { 10 * $0 + 3 } }
        },
        check("pieces may be empty on some ranks, on the root and on all") { world in
            try expectGather(world, root: 0) { $0 % 2 * 5 }
            try expectGather(world, root: world.size - 1) { ($0 + 1) % 2 * 5 }
            try expectGather(world, root: 0) { $0 == world.size - 1 ? 4 : 0 }
            try expectGather(world, root: 0) { _ in 0 }
        },
        check("each rank gets its piece of what any root has") { world in
            for root in 0..<world.size { try expectScatter(world, root: root) { 7 * $0 + 1 } }
        },
        check("scattered pieces may be empty") { world in
            try expectScatter(world, root: world.size - 1) { $0 % 2 * 6 }
            try expectScatter(world, root: 0) { _ in 0 }
        },
        check("all ranks learn that a piece has the wrong length, and go on") { world in
            let offender = world.size - 1
            let piece = [Float](repeating: 1, count: world.rank == offender ? 3 : 2)
            let counts = world.rank == 0 ? [Int](repeating: 2, count: world.size) : nil
            var whole = [Float](repeating: 0, count: world.rank == 0 ? 2 * world.size : 0)
            let error = expectError {
                try piece.withUnsafeBufferPointer { piece in
                    try whole.withUnsafeMutableBufferPointer {
                        try world.gatherVariable(
                            send: piece, counts: counts, into: world.rank == 0 ? $0 : nil, root: 0)
                    }
                }
            }
            expect(error?.reason == "the piece of rank \(offender) has not the length that the root expects")
            expect(error?.rank == world.rank)
            expect(error?.context == world.context && !world.context.isEmpty)
            try expectGather(world, root: 0) { $0 + 1 }
        },
    ]
}

/// Gathers pieces of the lengths that `count` gives and compares with what the root must have.
func expectGather(
    _ world: Communicator, root: Int, file: String = #fileID, line: Int = #line, _ count: (Int) -> Int
) throws {
    let piece = (0..<count(world.rank)).map { Float(world.rank) + Float($0) / 1024 }
    let counts = (0..<world.size).map(count)
    var whole = [Float](repeating: -1, count: world.rank == root ? counts.reduce(0, +) : 0)
    try piece.withUnsafeBufferPointer { piece in
        try whole.withUnsafeMutableBufferPointer {
            let isRoot = world.rank == root
            try world.gatherVariable(send: piece, counts: isRoot ? counts : nil, into: isRoot ? $0 : nil, root: root)
        }
    }
    guard world.rank == root else { return }
    let expected = counts.enumerated().flatMap { rank, count in (0..<count).map { Float(rank) + Float($0) / 1024 } }
    expect(whole == expected, "root \(root), counts \(counts)", file: file, line: line)
}

/// Scatters pieces of the lengths that `count` gives and compares with what this rank must get.
func expectScatter(
    _ world: Communicator, root: Int, file: String = #fileID, line: Int = #line, _ count: (Int) -> Int
) throws {
    let counts = (0..<world.size).map(count)
    let all = counts.enumerated().flatMap { rank, count in (0..<count).map { Float(rank) - Float($0) / 1024 } }
    var piece = [Float](repeating: -1, count: counts[world.rank])
    try all.withUnsafeBufferPointer { all in
        try piece.withUnsafeMutableBufferPointer {
            let isRoot = world.rank == root
            try world.scatterVariable(send: isRoot ? all : nil, counts: isRoot ? counts : nil, into: $0, root: root)
        }
    }
    let expected = (0..<counts[world.rank]).map { Float(world.rank) - Float($0) / 1024 }
    expect(piece == expected, "root \(root), counts \(counts)", file: file, line: line)
}
