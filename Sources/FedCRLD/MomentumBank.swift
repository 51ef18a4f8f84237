import FederatedLearning
import NeuralNetwork
import Tensors

/// A student's parameters and their momentum bank: a second set of the same layout with an optimizer of its own
/// (`method.md`, "Momentum distillation"). One exists for the encoders and decoder of a center, one for its relocalization.
///
/// A view of a center's state: it has no values of its own.
package struct MomentumBank {
    /// The parameters that learn from labels and bank.
    package let student: Parameters
    /// The student's optimizer.
    package let studentOptimizer: Adam
    private let bank: (parameters: Parameters, optimizer: Adam)?
    private let rateFactor: Double

    /// The bank's parameters, where there is a bank.
    package var teacher: Parameters { existing.parameters }
    /// The bank's optimizer, where there is a bank.
    package var teacherOptimizer: Adam { existing.optimizer }

    private var existing: (parameters: Parameters, optimizer: Adam) {
        guard let bank else { preconditionFailure("who learns from labels alone has no bank") }
        return bank
    }

    /// The bank of a part of a state that ``variables(_:part:hasBank:)`` declares.
    package init(_ state: CenterState, part: StatePart = .center) {
        student = state[Self.studentName, part]
        studentOptimizer = state.optimizer(Self.studentName, part: part)
        rateFactor = state.rateFactor
        bank =
            state.holds(Self.teacherName, of: part)
            ? (state[Self.teacherName, part], state.optimizer(Self.teacherName, part: part)) : nil
    }

    private static let studentName = "network"
    private static let teacherName = "bank"

    /// The variables of a part. At first the bank is a copy of the student; it rests in the history.
    package static func variables(
        _ layout: ParameterLayout, part: StatePart = .center, hasBank: Bool = true
    ) -> [Variable] {
        let student = Variable(studentName, part: part, layout)
        let teacher = Variable(teacherName, part: part, layout, start: .copy(of: studentName), rest: .history)
        return hasBank ? [student, teacher] : [student]
    }

    /// Adam's step on the student, layer by layer; where there is a bank, then teacher ← m · teacher + (1 − m) · student.
    package func studentStep(_ settings: StepSettings) -> Gradients {
        studentOptimizer.step(
            student, rate: settings.learningRate * rateFactor, average: bank?.parameters,
            momentum: Float(settings.momentum ?? 0))
    }

    /// Adam's step on the teacher, from its own (self-training) loss, layer by layer.
    package func teacherStep(_ settings: StepSettings) -> Gradients {
        teacherOptimizer.step(teacher, rate: settings.learningRate * rateFactor)
    }
}
