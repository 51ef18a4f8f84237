import FederatedLearning
import MPI
import Tensors

/// A request to a method's module on the root: what, for which center, on tensors of which shape.
struct ModuleRequest {
    /// Its number among the method's operations, from 1.
    let operation: Int
    /// The center's index among all.
    let center: Int
    /// What the operation's counts are of.
    let shape: Shape
    /// How often the shape's numbers go to the root and come back.
    private let (sent, received): (Int, Int)

    init(_ operation: Int, of operations: [RemoteOperation], center: Int, _ shape: Shape) {
        self.operation = operation
        self.center = center
        self.shape = shape
        (sent, received) = (operations[operation - 1].sent, operations[operation - 1].received)
    }

    var floatsSent: Int { sent * shape.count }
    var floatsReceived: Int { received * shape.count }
    /// The shape of the answer's numbers as one tensor.
    var answerShape: Shape { shape.with(channels: received * shape.channels) }

    /// As the head of a question.
    var encoded: [Int64] {
        [operation, center, sent, received, shape.depth, shape.height, shape.width, shape.channels].map(Int64.init)
    }

    init(encoded: [Int64]) {
        let numbers = encoded.map(Int.init)
        (operation, center, sent, received) = (numbers[0], numbers[1], numbers[2], numbers[3])
        shape = Shape(depth: numbers[4], height: numbers[5], width: numbers[6], channels: numbers[7])
    }
}

extension [Tensor] {
    /// Writes the tensors' numbers one after the other.
    func write(to target: UnsafeMutablePointer<Float>) {
        var place = target
        for tensor in self {
            place.update(from: tensor.base, count: tensor.count)
            place += tensor.count
        }
    }
}

/// How a rank that hosts centers asks the root for a method's module, where that lives there: through its link with the root
/// (``RootLinks``), whatever the other ranks are doing.
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
        let request = ModuleRequest(operation, of: operations, center: center, shape)
        let answer = Tensor(request.answerShape)
        try rank.communicate { ranks throws(MPIError) in
            try ranks.links().ask(
                request.encoded, count: request.floatsSent, { inputs.write(to: $0) }, answer: answer.values)
        }
        return answer
    }

    /// Has no more requests, and waits until no rank has any: the end of a phase.
    package static func finish(_ rank: RankContext) throws {
        try rank.communicate { ranks throws(MPIError) in try ranks.links().finish() }
    }
}
