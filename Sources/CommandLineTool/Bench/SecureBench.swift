import FederatedLearning
import Federation
import Foundation
import MPI
import SecureAggregation

/// Rounds of some centers, of one global encoder, whose contributions are masked, against rounds whose are not: adding up what the
/// centers of each rank contribute, and the aggregation.
struct SecureBench {
    private let rank: RankContext
    private let width: Int
    private let centers: Int

    init(_ rank: RankContext, width: Int, centers: Int) {
        self.rank = rank
        self.width = width
        self.centers = centers
    }

    func run(repeats: Int, json: Bool) throws {
        var configuration = Configuration()
        configuration.width = width
        let method = try configuration.method(heads: [4])
        let state = method.state(of: "bench", parts: [.center], seed: 1)
        let aggregation = Aggregation(method, centers: centers, seed: 1, isRoot: rank.isRoot)
        let hosted = CenterAssignment(volumes: [Int](repeating: 1, count: centers), ranks: rank.size).centers(
            of: rank.rank)
        // Each rank makes its centers' keys and says the public halves.
        let identities = Dictionary(uniqueKeysWithValues: hosted.map { ($0, CenterIdentity()) })
        let known = try rank.shareAll(identities.mapValues(\.publicKey)).reduce(into: [:]) { $0.merge($1) { $1 } }
        let rounds = SecureRounds(
            rank, configuration, count: centers, parts: [.center], identity: { identities[$0] ?? CenterIdentity() },
            publicKey: { known[$0] ?? "" })
        var record = try rank.broadcast(PrivacyRecord())
        var seconds: (plain: [Double], masked: [Double]) = ([], [])
        for round in 1...repeats + 1 {
            let plan = RoundPlan(
                round: round, volumes: [Int](repeating: 1, count: centers), configuration, sampling: nil)
            func time(_ body: () throws -> Void) throws -> Double {
                aggregation.reset()
                try rank.communicator.barrier()
                let start = monotonicSeconds()
                for center in hosted { try aggregation.add(state, weight: plan.weight(of: center) ?? 0) }
                try body()
                // The root ends last where contributions are not masked; all do where they are.
                try rank.communicator.barrier()
                return monotonicSeconds() - start
            }
            seconds.plain.append(try time { try aggregation.aggregate(rank.communicator) })
            record.count(exchange: true, release: false)
            seconds.masked.append(
                try time { try rounds.aggregate(plan, aggregation, record, hosted: Set(hosted)) })
        }
        guard rank.isRoot else { return }
        // The first warms up.
        let (plain, masked) = (seconds.plain.dropFirst().min() ?? 0, seconds.masked.dropFirst().min() ?? 0)
        let bytes = 8 * aggregation.counts.reduce(0, +)
        guard !json else {
            return try Console.json([
                "ranks": .integer(rank.size), "centers": .integer(centers), "bytes": .integer(bytes),
                "plain_seconds": .number(plain), "secure_seconds": .number(masked),
            ])
        }
        try Console.print(
            """
            \(rank.size) ranks, \(centers) centers, \(String(format: "%.1f", Double(bytes) / 0x1p20)) MiB, best of \(repeats)
            \(String(format: "plain   %8.1f ms", 1e3 * plain))
            \(String(format: "secure  %8.1f ms, %.2f times; beyond 1.5 times plain %.1f ms for each center", 1e3 * masked, masked / plain, 1e3 * (masked - 1.5 * plain) / Double(centers)))
            """)
    }
}
