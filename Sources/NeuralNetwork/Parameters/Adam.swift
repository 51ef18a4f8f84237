import Tensors

/// Adam's moments and step count for one flat array of parameters; they are kept across rounds and in checkpoints.
package final class Adam {
    /// Running mean of the gradients.
    package let firstMoment: Parameters
    /// Running mean of the squared gradients.
    package let secondMoment: Parameters
    /// Steps taken.
    package var step = 0

    /// An optimizer that has not taken a step.
    package init(_ layout: ParameterLayout) {
        firstMoment = layout.zeros()
        secondMoment = layout.zeros()
    }

    /// Takes a step; with an `average`, that follows the parameters with the given momentum in the same pass.
    package func update(
        _ parameters: Parameters, gradients: Parameters, rate: Double, average: Parameters? = nil, momentum: Float = 0
    ) {
        step += 1
        AdamUpdate(rate: rate, step: step).apply(
            parameters.tensor, gradients: gradients.tensor, firstMoment: firstMoment.tensor,
            secondMoment: secondMoment.tensor, average: average?.tensor, momentum: momentum)
    }
}
