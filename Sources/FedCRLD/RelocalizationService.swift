import NeuralNetwork
import Tensors

/// What a client step asks of its contrastive re-localization, wherever that runs. The four calls of a step come in this
/// order; both placements do the same arithmetic with the same kernels.
package protocol RelocalizationService: AnyObject {
    /// Relocalizes with the teacher's module (nothing kept) and with the student's (kept for ``backwardStudent(_:)``).
    func relocalize(teacher: Bottlenecks, student: Bottlenecks) throws -> (teacher: Tensor, student: Tensor)
    /// The gradients by the student's bottlenecks; its module takes its step of Adam, and a bank its average.
    func backwardStudent(_ gradient: Tensor) throws -> Bottlenecks
    /// Relocalizes with the student's module alone, where there is no bank, kept for ``backwardStudent(_:)``.
    func relocalizeStudent(_ bottlenecks: Bottlenecks) throws -> Tensor
    /// Relocalizes with the teacher's module, kept for ``backwardTeacher(_:)``.
    func relocalizeTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor
    /// The gradients by the teacher's bottlenecks; its module takes its step of Adam.
    func backwardTeacher(_ gradient: Tensor) throws -> Bottlenecks
    /// Relocalizes with the student's module for a prediction.
    func infer(_ bottlenecks: Bottlenecks) throws -> Tensor
    /// Relocalizes with the teacher's module for a prediction.
    func inferTeacher(_ bottlenecks: Bottlenecks) throws -> Tensor
}

/// Contrastive re-localization of one center in this process.
package final class LocalRelocalization: RelocalizationService {
    /// The module's parameters with their bank and optimizers.
    package let parameters: MomentumBank
    private let module: Relocalization
    private let settings: StepSettings
    private var saved: Relocalization.Saved?

    /// Runs `module` with `parameters`.
    package init(_ module: Relocalization, _ parameters: MomentumBank, _ settings: StepSettings) {
        self.module = module
        self.parameters = parameters
        self.settings = settings
    }

    /// See ``RelocalizationService``.
    package func relocalize(teacher: Bottlenecks, student: Bottlenecks) -> (teacher: Tensor, student: Tensor) {
        let target = module.forward(server: teacher.server, client: teacher.client, parameters.teacher).output
        return (target, forward(student, parameters.student))
    }

    /// See ``RelocalizationService``.
    package func backwardStudent(_ gradient: Tensor) -> Bottlenecks {
        backward(gradient, parameters.student, into: parameters.studentStep(settings))
    }

    /// See ``RelocalizationService``.
    package func relocalizeStudent(_ bottlenecks: Bottlenecks) -> Tensor { forward(bottlenecks, parameters.student) }

    /// See ``RelocalizationService``.
    package func relocalizeTeacher(_ bottlenecks: Bottlenecks) -> Tensor { forward(bottlenecks, parameters.teacher) }

    /// See ``RelocalizationService``.
    package func backwardTeacher(_ gradient: Tensor) -> Bottlenecks {
        backward(gradient, parameters.teacher, into: parameters.teacherStep(settings))
    }

    /// See ``RelocalizationService``.
    package func infer(_ bottlenecks: Bottlenecks) -> Tensor {
        module.forward(server: bottlenecks.server, client: bottlenecks.client, parameters.student).output
    }

    /// See ``RelocalizationService``.
    package func inferTeacher(_ bottlenecks: Bottlenecks) -> Tensor {
        module.forward(server: bottlenecks.server, client: bottlenecks.client, parameters.teacher).output
    }

    private func forward(_ bottlenecks: Bottlenecks, _ values: Parameters) -> Tensor {
        let (output, saved) = module.forward(server: bottlenecks.server, client: bottlenecks.client, values)
        self.saved = saved
        return output
    }

    private func backward(_ gradient: Tensor, _ values: Parameters, into gradients: Gradients) -> Bottlenecks {
        guard let saved else { preconditionFailure("a backward pass follows its forward pass") }
        self.saved = nil
        let (server, client) = module.backward(gradient, saved, values, into: gradients)
        return Bottlenecks(server: server, client: client)
    }
}
