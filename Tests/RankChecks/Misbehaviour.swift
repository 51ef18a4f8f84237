import MPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What ranks must not do, for tests of what is said then: `mpirun -n 3 RankChecks --misbehave WHAT`. Ends like the
/// program's own jobs: whoever notices says it and ends all ranks.
enum Misbehaviour: String, CaseIterable {
    /// A rank never comes.
    case sleep
    /// A rank calls another collective than the others.
    case mismatch
    /// The same, with ranks that compare what they are about to do.
    case compared
    /// The same collective, with payloads that differ.
    case payload

    /// Does it. Does not come back.
    func run(on world: Communicator) {
        world.patience = 4
        world.context = "round 3"
        do {
            try act(world)
            print("FAILED: nobody noticed")
        } catch {
            print("rank \(world.rank): \(error)")
        }
        world.abort(status: 1)
    }

    private func act(_ world: Communicator) throws {
        var values = [UInt64](repeating: 1, count: 100)
        let isOdd = world.rank == 1
        switch self {
        case .sleep:
            if isOdd { while true { pause() } }
            try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
        case .mismatch, .compared:
            world.comparesCollectives = self == .compared
            if isOdd {
                // Its data would come from the rank that sums.
                try values.withUnsafeMutableBufferPointer { try world.broadcast($0, root: 0) }
                try world.barrier()
            } else {
                try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
            }
        case .payload:
            world.comparesCollectives = true
            try values.withUnsafeMutableBufferPointer { values in
                try world.broadcast(UnsafeMutableBufferPointer(rebasing: values[..<(isOdd ? 50 : 100)]), root: 0)
            }
        }
        // Whoever is through waits for those that are not.
        try world.barrier()
        try world.barrier()
    }
}
