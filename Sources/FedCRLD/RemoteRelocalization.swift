import FederatedLearning
import NeuralNetwork
import Tensors

/// What a relocalization on the root rank is asked for, in the order of a step. Counts are of one bottleneck's size; the
/// relocalized features are two of them.
enum RelocalizationOperation: Int, CaseIterable {
    case relocalize = 1
    case backwardStudent, relocalizeTeacher, backwardTeacher, infer, relocalizeStudent, inferTeacher

    /// - Parameter hasBank: whether the bank's training follows the student's in a step.
    func description(hasBank: Bool) -> RemoteOperation {
        let endsStep = self == (hasBank ? .backwardTeacher : .backwardStudent)
        let count = self == .relocalize ? 4 : 2
        return RemoteOperation(
            sent: count, received: count, endsUse: endsStep || self == .infer || self == .inferTeacher,
            endsStep: endsStep)
    }
}

/// The contrastive re-localization of one center that lives on the root rank.
package final class RemoteRelocalization: RelocalizationService {
    private let channel: any RemoteChannel
    private var shape: Shape?

    /// The module at a channel's other end.
    package init(_ channel: any RemoteChannel) { self.channel = channel }

    /// See ``RelocalizationService``.
    package func relocalize(teacher: Bottlenecks, student: Bottlenecks) throws -> (teacher: Tensor, student: Tensor) {
        shape = student.server.shape
        return split(try request(.relocalize, [teacher.server, teacher.client, student.server, student.client]))
    }

    /// See ``RelocalizationService``.
    package func backwardStudent(_ gradient: Tensor) throws -> Bottlenecks {
        try backward(.backwardStudent, gradient)
    }

    /// See ``RelocalizationService``.
    package func relocalizeTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try forward(.relocalizeTeacher, bottlenecks)
    }

    /// See ``RelocalizationService``.
    package func backwardTeacher(_ gradient: Tensor) throws -> Bottlenecks {
        try backward(.backwardTeacher, gradient)
    }

    /// See ``RelocalizationService``.
    package func relocalizeStudent(_ bottlenecks: Bottlenecks) throws -> Tensor {
        try forward(.relocalizeStudent, bottlenecks)
    }

    /// See ``RelocalizationService``.
    package func infer(_ bottlenecks: Bottlenecks) throws -> Tensor { try forward(.infer, bottlenecks) }

    /// See ``RelocalizationService``.
    package func inferTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor { try forward(.inferTeacher, bottlenecks) }

    private func forward(_ operation: RelocalizationOperation, _ bottlenecks: Bottlenecks) throws -> Tensor {
        shape = bottlenecks.server.shape
        return try request(operation, [bottlenecks.server, bottlenecks.client])
    }

    private func backward(_ operation: RelocalizationOperation, _ gradient: Tensor) throws -> Bottlenecks {
        let (server, client) = split(try request(operation, [gradient]))
        return Bottlenecks(server: server, client: client)
    }

    private func request(_ operation: RelocalizationOperation, _ tensors: [Tensor]) throws -> Tensor {
        guard let shape else { preconditionFailure("the first request of a step brings bottlenecks") }
        return try channel.request(operation.rawValue, shape, tensors)
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

extension LocalRelocalization: RemoteModule {
    package func answer(_ operation: Int, _ shape: Shape, _ input: UnsafePointer<Float>) -> [Tensor] {
        func tensor(_ index: Int, _ shape: Shape) -> Tensor {
            let tensor = Tensor(shape)
            tensor.base.update(from: input + index * shape.count, count: shape.count)
            return tensor
        }
        func bottlenecks(_ first: Int) -> Bottlenecks {
            Bottlenecks(server: tensor(first, shape), client: tensor(first + 1, shape))
        }
        let gradient = { tensor(0, shape.with(channels: 2 * shape.channels)) }
        switch RelocalizationOperation(rawValue: operation) {
        case .relocalize:
            let pair = relocalize(teacher: bottlenecks(0), student: bottlenecks(2))
            return [pair.teacher, pair.student]
        case .backwardStudent:
            let gradients = backwardStudent(gradient())
            return [gradients.server, gradients.client]
        case .relocalizeTeacher: return [relocalizeTeacher(bottlenecks(0))]
        case .backwardTeacher:
            let gradients = backwardTeacher(gradient())
            return [gradients.server, gradients.client]
        case .relocalizeStudent: return [relocalizeStudent(bottlenecks(0))]
        case .infer: return [infer(bottlenecks(0))]
        case .inferTeacher: return [inferTeacher(bottlenecks(0))]
        case nil: preconditionFailure("there is no operation \(operation)")
        }
    }
}
