import ArgumentParser
import FederatedLearning
import Federation
import Foundation
import MPI
import Tensors

/// `fedcrld bench aggregate`: the server's average against a bare MPI_Reduce.
struct BenchAggregate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aggregate", abstract: "Time the aggregation of a model against one MPI_Reduce of the same bytes.",
        discussion: """
            Of one global encoder: the sum of the ranks' integers on the root; the whole aggregation at a round's end, which \
            makes parameters of the sum, too; and what a rank does for each of its centers before, when the center has ended \
            its part of the round. In turn, of several repeats the fastest.

            With --secure: rounds of some centers whose contributions are masked, against rounds of the same whose are not.

              mpirun -n 2 fedcrld bench aggregate --width 24
              mpirun -n 3 fedcrld bench aggregate --width 24 --secure --centers 6
            """)

    @Option(help: "Base width of the network; 24 makes 23 MiB of integers.")
    var width = 24
    @Option(help: "Repeats.")
    var repeats = 20
    @Flag(help: "Time rounds whose contributions are masked.")
    var secure = false
    @Option(help: "With --secure: centers in a round, at least 3.")
    var centers = 6
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard width > 0, width % 4 == 0 else { throw ValidationError("--width \(width) is not a multiple of 4") }
        guard (3...100_000).contains(centers) else {
            throw ValidationError("--centers \(centers) is not a number from 3 to 100000")
        }
        guard repeats > 0 else { throw ValidationError("--repeats \(repeats) is less than 1") }
    }

    func run() throws {
        try MPIJob.run { rank in
            try ComputeThreads.configure(1, rank)
            guard !secure else {
                try SecureBench(rank, width: width, centers: centers).run(repeats: repeats, json: json)
                return 0
            }
            var configuration = Configuration()
            configuration.width = width
            let method = try configuration.method(heads: [4])
            let state = method.state(of: "bench", parts: [.center], seed: 1)
            // As in a run, the memory of a round serves the next.
            let aggregation = Aggregation(method, centers: rank.size, seed: 1, isRoot: rank.isRoot)
            let count = aggregation.server.contents.reduce(0) { $0 + $1.ranges.reduce(0) { $0 + $1.count } }
            var values = [UInt64](repeating: 1, count: count)
            var sums = [UInt64](repeating: 0, count: rank.isRoot ? count : 0)
            var seconds = Seconds()
            func time(_ body: () throws -> Void) throws -> Double {
                // All start together, and the root, which has the result, ends last.
                try rank.communicator.barrier()
                let start = monotonicSeconds()
                try body()
                return monotonicSeconds() - start
            }
            for _ in 0...repeats {
                seconds.plain.append(
                    try time {
                        try values.withUnsafeBufferPointer { values in
                            try sums.withUnsafeMutableBufferPointer { sums in
                                try rank.communicator.plainReduceSum(values, into: rank.isRoot ? sums : nil, root: 0)
                            }
                        }
                    })
                seconds.sum.append(
                    try time {
                        try values.withUnsafeMutableBufferPointer { try rank.communicator.reduceSum($0, root: 0) }
                    })
                seconds.center.append(
                    try time {
                        try aggregation.add(state, weight: 1 / Double(rank.size))
                    })
                seconds.whole.append(try time { try aggregation.aggregate(rank.communicator) })
                aggregation.reset()
            }
            if rank.isRoot { try report(seconds, bytes: 8 * count, ranks: rank.size) }
            return 0
        }
    }

    /// What was measured, of each repeat.
    private struct Seconds {
        var plain: [Double] = []
        var sum: [Double] = []
        var whole: [Double] = []
        var center: [Double] = []
    }

    private func report(_ seconds: Seconds, bytes: Int, ranks: Int) throws {
        // The first warms up.
        let best = { (values: [Double]) in values.dropFirst().min() ?? 0 }
        let (plain, sum, whole) = (best(seconds.plain), best(seconds.sum), best(seconds.whole))
        let center = best(seconds.center)
        guard !json else {
            return try Console.json([
                "ranks": .integer(ranks), "bytes": .integer(bytes), "plain_seconds": .number(plain),
                "sum_seconds": .number(sum), "aggregate_seconds": .number(whole), "center_seconds": .number(center),
                "sum_ratio": .number(sum / plain), "aggregate_ratio": .number(whole / plain),
            ])
        }
        func line(_ name: String, _ seconds: Double) -> String {
            String(format: "%@ %6.1f ms, %.2f of the call", name, 1e3 * seconds, seconds / plain)
        }
        try Console.print(
            """
            \(ranks) ranks, \(String(format: "%.1f", Double(bytes) / 0x1p20)) MiB, best of \(repeats)
            \(line("one MPI_Reduce", plain))
            \(line("sum           ", sum))
            \(line("aggregation   ", whole))
            \(line("a center's add", center))
            """)
    }
}
