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
            let update = nextUpdate(group, rate: rate)
            for range in groups[group] {
                apply(
                    update, parameters, range, UnsafePointer(gradients.tensor.base + range.lowerBound),
                    average: average, momentum: momentum)
            }
        }
    }

    /// Begins a step of parameters that are one group: of each layer it is taken as soon as its gradients are written.
    package func step(
        _ parameters: Parameters, rate: Double, average: Parameters? = nil, momentum: Float = 0
    ) -> Gradients {
        precondition(groups == [[0..<parameters.count]], "the parameters are one group")
        let update = nextUpdate(0, rate: rate)
        return Gradients { range, gradients in
            self.apply(update, parameters, range, gradients, average: average, momentum: momentum)
        }
    }

    private func nextUpdate(_ group: Int, rate: Double) -> AdamUpdate {
        steps[group] += 1
        return AdamUpdate(rate: rate, step: steps[group])
    }

    private func apply(
        _ update: AdamUpdate, _ parameters: Parameters, _ range: Range<Int>, _ gradients: UnsafePointer<Float>,
        average: Parameters?, momentum: Float
    ) {
        update.apply(
            parameters.tensor, gradients: gradients, firstMoment: firstMoment.tensor,
            secondMoment: secondMoment.tensor, in: range, average: average?.tensor, momentum: momentum)
    }
}
