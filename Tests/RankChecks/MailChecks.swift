import MPI

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Messages between two ranks, beside the steps in which all meet.
func mailChecks() -> [RankCheck] {
    [
        check("messages of any length reach their rank, in the order of their sending, beside collectives") { world in
            let texts = ["", "short", String(repeating: "long ", count: 100_000)]
            for (round, text) in texts.enumerated() {
                for other in 0..<world.size { try world.post(.report, Array("\(round) \(text)".utf8), to: other) }
                _ = try world.allReduce(Int64(1), .sum)
            }
            var received = [[String]](repeating: [], count: world.size)
            while received.contains(where: { $0.count < texts.count }) {
                for (rank, bytes) in try world.collect(.report) {
                    received[rank].append(String(decoding: bytes, as: UTF8.self))
                }
                try world.attend()
            }
            let expected = texts.enumerated().map { "\($0) \($1)" }
            expect(received.allSatisfy { $0 == expected })
            try expect(try world.collect(.report).isEmpty)
            try expect(try world.collect(.stop).isEmpty, "kinds are apart")
        },
        check("a notice reaches a rank that waits in a collective, which may answer it") { world in
            guard world.size > 1 else { return }
            var heard = 0
            world.whileWaiting = { () throws(MPIError) in heard += try world.collect(.stop).count }
            defer { world.whileWaiting = {} }
            if world.rank == world.size - 1 {
                usleep(100_000)
                try world.postToOthers(.stop)
                usleep(200_000)
            }
            try world.barrier()
            expect(heard == (world.rank == world.size - 1 ? 0 : 1), "heard \(heard)")
        },
        check("a rank that computes longer than the others' patience is no reason for alarm while it attends") {
            world in
            guard world.size > 1 else { return }
            world.patience = 0.4
            defer { world.patience = nil }
            if world.rank == 0 {
                for _ in 0..<100 {
                    usleep(10_000)
                    try world.attend()
                }
            }
            try world.barrier()
            expect(world.rank == 0 || world.waitSeconds > 0.5, "\(world.waitSeconds) s")
        },
        check("collectives that are compared first do what they do otherwise") { world in
            world.comparesCollectives = true
            defer { world.comparesCollectives = false }
            try expect(try world.allReduce(Int64(world.rank), .sum) == Int64(world.size * (world.size - 1) / 2))
            let gathered = try world.gatherBytes([UInt8](repeating: 7, count: world.rank))
            expect(world.rank > 0 || gathered?.map(\.count) == Array(0..<world.size))
            try world.barrier()
        },
    ]
}
