import FederatedLearning
import MPI
import Tensors

/// How a rank that hosts centers asks the root for a method's module, where that lives there.
///
/// All ranks meet in *exchanges*. Each brings one request, or none: the root gathers the requests' headers and then their
/// tensors (MPI_Gatherv), computes, and scatters the answers back (MPI_Scatterv). Ranks need not be at the same point of
/// their steps. A rank that has finished takes part with empty requests until all have.
enum ModuleExchange {
    /// One rank's request: what, for which center, on tensors of which shape.
    struct Header {
        /// Its number among the method's operations; 0: none.
        var operation = 0
        /// The center's index among all.
        var center = 0
        /// How often the shape's numbers go to the root and come back.
        var (sent, received) = (0, 0)
        private var extents = [0, 0, 0, 0]

        var floatsSent: Int { sent * extents.reduce(1, *) }
        var floatsReceived: Int { received * extents.reduce(1, *) }
        /// What is counted; of a request only, since no shape is empty.
        var shape: Shape {
            Shape(depth: extents[0], height: extents[1], width: extents[2], channels: extents[3])
        }
        var encoded: [Int64] { ([operation, center, sent, received] + extents).map(Int64.init) }

        /// No request.
        init() {}

        init(_ operation: Int, _ description: RemoteOperation, center: Int, _ shape: Shape) {
            self.operation = operation
            self.center = center
            (sent, received) = (description.sent, description.received)
            extents = [shape.depth, shape.height, shape.width, shape.channels]
        }

        init(encoded: [Int64]) {
            let numbers = encoded.map(Int.init)
            (operation, center, sent, received) = (numbers[0], numbers[1], numbers[2], numbers[3])
            extents = Array(numbers[4...])
        }
    }

    /// One exchange; nil when no rank had a request.
    static func exchange(_ rank: RankContext, _ header: Header, _ tensors: [Tensor]) throws -> Tensor? {
        let active = try rank.communicate { ranks throws(MPIError) in
            try ranks.allReduce(Int64(header.operation == 0 ? 0 : 1), .maximum)
        }
        guard active > 0 else { return nil }
        let sent = Tensor(flat: max(1, header.floatsSent))
        var position = 0
        for tensor in tensors {
            (sent.base + position).update(from: tensor.base, count: tensor.count)
            position += tensor.count
        }
        let answer =
            header.operation == 0
            ? Tensor(flat: 1) : Tensor(header.shape.with(channels: header.received * header.shape.channels))
        try rank.communicate { ranks throws(MPIError) in
            _ = try ranks.gather(header.encoded)
            try ranks.gatherVariable(
                send: UnsafeBufferPointer(start: sent.base, count: header.floatsSent), counts: nil, into: nil, root: 0)
            try ranks.scatterVariable(
                send: nil, counts: nil,
                into: UnsafeMutableBufferPointer(start: answer.base, count: header.floatsReceived), root: 0)
        }
        return answer
    }
}

/// The way to a center's module on the root rank.
package struct RootChannel: RemoteChannel {
    private let rank: RankContext
    private let center: Int
    private let operations: [RemoteOperation]

    /// - Parameters:
    ///   - center: the center's index among all cohorts.
    ///   - operations: the method's.
    package init(_ rank: RankContext, center: Int, operations: [RemoteOperation]) {
        self.rank = rank
        self.center = center
        self.operations = operations
    }

    /// See `RemoteChannel`.
    package func request(_ operation: Int, _ shape: Shape, _ inputs: [Tensor]) throws -> Tensor {
        let header = ModuleExchange.Header(operation, operations[operation - 1], center: center, shape)
        guard let answer = try ModuleExchange.exchange(rank, header, inputs) else {
            preconditionFailure("the root goes on while there is a request")
        }
        return answer
    }

    /// Takes part in exchanges without a request until all ranks do: the end of a phase.
    package static func finish(_ rank: RankContext) throws {
        while try ModuleExchange.exchange(rank, ModuleExchange.Header(), []) != nil {}
    }
}
