import Tensors

/// Adam's moments and step counts for one flat array of parameters; they are kept across rounds and in checkpoints.
///
/// Groups of parameters that are not always trained together count their steps apart, as PyTorch's do.
package final class Adam {
    /// Running mean of the gradients.
    package let firstMoment: Parameters
    /// Running mean of the squared gradients.
    package let secondMoment: Parameters
    /// Steps taken, group by group.
    package var steps: [Int]
    private let groups: [[Range<Int>]]

    /// An optimizer that has not taken a step.
    /// - Parameter groups: the places of each group's parameters; nil: all are one group.
    package convenience init(_ layout: ParameterLayout, groups: [[Range<Int>]]? = nil) {
        self.init(firstMoment: layout.zeros(), secondMoment: layout.zeros(), groups)
    }

    /// An optimizer whose moments are undefined, for who sets them.
    package convenience init(undefined layout: ParameterLayout, groups: [[Range<Int>]]) {
        self.init(firstMoment: Parameters(undefined: layout), secondMoment: Parameters(undefined: layout), groups)
    }

    private init(firstMoment: Parameters, secondMoment: Parameters, _ groups: [[Range<Int>]]?) {
        self.firstMoment = firstMoment
        self.secondMoment = secondMoment
        self.groups = groups ?? [[0..<firstMoment.count]]
        steps = self.groups.map { _ in 0 }
    }

    /// Takes a step; with an `average`, that follows the parameters with the given momentum in the same pass.
    /// - Parameter chosen: the groups that take it; nil: all. What is in none of them stays, moments included.
    package func update(
        _ parameters: Parameters, gradients: Parameters, rate: Double, groups chosen: [Int]? = nil,
        average: Parameters? = nil, momentum: Float = 0
    ) {
        for group in chosen ?? Array(groups.indices) {
            steps[group] += 1
            let update = AdamUpdate(rate: rate, step: steps[group])
            for range in groups[group] {
                update.apply(
                    parameters.tensor, gradients: gradients.tensor, firstMoment: firstMoment.tensor,
                    secondMoment: secondMoment.tensor, in: range, average: average?.tensor, momentum: momentum)
            }
        }
    }
}
