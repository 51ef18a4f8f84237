import MPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Time and traffic, and what waiting costs.
func accountingChecks() -> [RankCheck] {
    [
        check("bytes count what leaves or enters a rank's buffers") { world in
            guard world.size > 1 else { return }
            world.resetAccounting()
            var values = [UInt64](repeating: 1, count: 100)
            try values.withUnsafeMutableBufferPointer { try world.reduceSum($0, root: 0) }
            expect(world.bytesMoved == 800)
            expect(world.traffic["sum onto the root"].map { ($0.calls, $0.bytes) == (1, 800) } ?? false)
            world.resetAccounting()
            try expectGather(world, root: 0) { _ in 10 }
            expect(world.bytesMoved == (world.rank == 0 ? 40 * world.size : 40))
            world.resetAccounting()
            expect(world.bytesMoved == 0 && world.waitSeconds == 0 && world.communicateSeconds == 0)
        },
        check("the wait for a late rank counts as waiting, on the others, and costs them no core") { world in
            guard world.size > 1 else { return }
            try world.barrier()
            world.resetAccounting()
            let busy = processorSeconds()
            if world.rank == world.size - 1 { usleep(500_000) }
            try world.barrier()
            let burnt = processorSeconds() - busy
            if world.rank < world.size - 1 { expect(world.waitSeconds > 0.1, "\(world.waitSeconds) s") }
            expect(burnt < 0.25, "\(burnt) s of processor time")
            expect(world.communicateSeconds == 0)
        },
    ]
}

/// Processor time of this process, all threads.
private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
