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
    /// The bank's parameters.
    package let teacher: Parameters
    /// The student's optimizer.
    package let studentOptimizer: Adam
    /// The bank's optimizer.
    package let teacherOptimizer: Adam

    /// The bank of a part of a state that ``variables(_:part:)`` declares.
    package init(_ state: CenterState, part: StatePart = .center) {
        student = state[Self.studentName, part]
        teacher = state[Self.teacherName, part]
        studentOptimizer = state.optimizer(Self.studentName, part: part)
        teacherOptimizer = state.optimizer(Self.teacherName, part: part)
    }

    private static let studentName = "network"
    private static let teacherName = "bank"

    /// The variables of a part. At first the bank is a copy of the student; it rests in the history.
    package static func variables(_ layout: ParameterLayout, part: StatePart = .center) -> [Variable] {
        [
            Variable(studentName, part: part, layout),
            Variable(teacherName, part: part, layout, start: .copy(of: studentName), rest: .history),
        ]
    }

    /// Adam's step on the student, then teacher ← m · teacher + (1 − m) · student.
    package func updateStudent(_ gradients: Parameters, _ settings: StepSettings) {
        studentOptimizer.update(
            student, gradients: gradients, rate: settings.learningRate, average: teacher,
            momentum: Float(settings.momentum))
    }

    /// Adam's step on the teacher, from its own (self-training) loss.
    package func updateTeacher(_ gradients: Parameters, _ settings: StepSettings) {
        teacherOptimizer.update(teacher, gradients: gradients, rate: settings.learningRate)
    }
}
