import FedCRLD
import MPI
import NeuralNetwork
import Tensors

/// How a rank that hosts centers asks the root for contrastive re-localization, with `crl.placement: root`.
///
/// All ranks meet in *exchanges*. Each brings one request, or none: the root gathers the requests' headers and then their
/// tensors (MPI_Gatherv), computes, and scatters the answers back (MPI_Scatterv). Ranks need not be at the same point of
/// their steps. A rank that has finished takes part with empty requests until all have.
package struct RelocalizationExchange {
    /// What is asked for, in the order of a step.
    enum Operation: Int64 {
        case none, relocalize, backwardNetwork, relocalizeBank, backwardBank, infer

        /// Tensors of one bottleneck's size that go to the root.
        var sent: Int { self == .none ? 0 : self == .relocalize ? 4 : 2 }
        /// Whether the root keeps nothing of the step for later requests.
        var endsStep: Bool { self == .backwardBank || self == .infer }
        /// Tensors of one bottleneck's size that come back. The relocalized features are two of them.
        var received: Int { self == .none ? 0 : self == .relocalize ? 4 : 2 }
    }

    /// One rank's request: what, for which center, on bottlenecks of which shape.
    struct Header {
        var operation = Operation.none
        var center = 0
        var depth = 0
        var height = 0
        var width = 0
        var channels = 0

        var floats: Int { depth * height * width * channels }
        var shape: Shape { Shape(depth: depth, height: height, width: width, channels: channels) }
        var encoded: [Int64] { [operation.rawValue] + [center, depth, height, width, channels].map(Int64.init) }

        init() {}

        init(_ operation: Operation, center: Int, bottleneck: Shape) {
            self.operation = operation
            self.center = center
            depth = bottleneck.depth
            height = bottleneck.height
            width = bottleneck.width
            channels = bottleneck.channels
        }

        init(encoded: [Int64]) {
            operation = Operation(rawValue: encoded[0]) ?? .none
            (center, depth, height) = (Int(encoded[1]), Int(encoded[2]), Int(encoded[3]))
            (width, channels) = (Int(encoded[4]), Int(encoded[5]))
        }
    }
}

/// The contrastive re-localization of one center that lives on the root rank.
package final class RemoteRelocalization: RelocalizationService {
    private let rank: RankContext
    private let center: Int
    private var shape: Shape?

    /// - Parameter center: the center's index among all cohorts.
    package init(_ rank: RankContext, center: Int) {
        self.rank = rank
        self.center = center
    }

    /// See `RelocalizationService`.
    package func relocalize(bank: Bottlenecks, network: Bottlenecks) throws -> (bank: Tensor, network: Tensor) {
        shape = network.server.shape
        let answer = try request(.relocalize, [bank.server, bank.client, network.server, network.client])
        return split(answer)
    }

    /// See `RelocalizationService`.
    package func backwardNetwork(_ gradient: Tensor) throws -> Bottlenecks {
        let (server, client) = split(try request(.backwardNetwork, [gradient]))
        return Bottlenecks(server: server, client: client)
    }

    /// See `RelocalizationService`.
    package func relocalizeBank(_ bottlenecks: Bottlenecks) throws -> Tensor {
        shape = bottlenecks.server.shape
        return try request(.relocalizeBank, [bottlenecks.server, bottlenecks.client])
    }

    /// See `RelocalizationService`.
    package func backwardBank(_ gradient: Tensor) throws -> Bottlenecks {
        let (server, client) = split(try request(.backwardBank, [gradient]))
        return Bottlenecks(server: server, client: client)
    }

    /// See `RelocalizationService`.
    package func infer(_ bottlenecks: Bottlenecks) throws -> Tensor {
        shape = bottlenecks.server.shape
        return try request(.infer, [bottlenecks.server, bottlenecks.client])
    }

    /// Takes part in exchanges without a request until all ranks do: the end of a phase.
    package static func finish(_ rank: RankContext) throws {
        while try exchange(rank, RelocalizationExchange.Header(), []) != nil {}
    }

    private func request(_ operation: RelocalizationExchange.Operation, _ tensors: [Tensor]) throws -> Tensor {
        guard let shape else { preconditionFailure("the first request of a step brings bottlenecks") }
        let header = RelocalizationExchange.Header(operation, center: center, bottleneck: shape)
        guard let answer = try Self.exchange(rank, header, tensors) else {
            preconditionFailure("the root goes on while there is a request")
        }
        return answer
    }

    /// One exchange; nil when no rank had a request.
    private static func exchange(
        _ rank: RankContext, _ header: RelocalizationExchange.Header, _ tensors: [Tensor]
    ) throws -> Tensor? {
        let active = try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(header.operation == .none ? 0 : 1), .maximum)
        }
        guard active > 0 else { return nil }
        let sent = Tensor(flat: max(1, header.operation.sent * header.floats))
        var position = 0
        for tensor in tensors {
            (sent.base + position).update(from: tensor.base, count: tensor.count)
            position += tensor.count
        }
        let answer =
            header.operation == .none
            ? Tensor(flat: 1)
            : Tensor(header.shape.with(channels: header.operation.received * header.channels))
        try rank.communicate { ranks throws(MPIError) in
            _ = try ranks.gather(header.encoded)
            try ranks.gatherVariable(
                send: UnsafeBufferPointer(start: sent.base, count: header.operation.sent * header.floats), counts: nil,
                into: nil, root: 0)
            try ranks.scatterVariable(
                send: nil, counts: nil,
                into: UnsafeMutableBufferPointer(
                    start: answer.base, count: header.operation.received * header.floats), root: 0)
        }
        return answer
    }

    /// The two tensors that an answer holds one after the other.
    private func split(_ answer: Tensor) -> (Tensor, Tensor) {
        let half = answer.shape.with(channels: answer.shape.channels / 2)
        let (first, second) = (Tensor(half), Tensor(half))
        first.base.update(from: answer.base, count: half.count)
        second.base.update(from: answer.base + half.count, count: half.count)
        return (first, second)
    }
}
