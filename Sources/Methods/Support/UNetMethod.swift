import FederatedLearning
import NeuralNetwork
import Tensors

/// A method whose centers train one U-Net each on their labels. What it declares of itself is what is special about it.
protocol UNetMethod: FederatedMethod {
    /// The network and how it is trained.
    var training: UNetTraining { get }
    /// The parameters that segment images.
    func segmentingParameters(_ state: CenterState) -> Parameters
}

/// The U-Net of a center and how it is trained.
package struct UNetTraining: Sendable {
    /// Steps of the network.
    let step: SupervisedStep
    let settings: TrainingSettings
    let heads: [Int]
    let population: Population

    /// The training of a network with some heads.
    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        step = SupervisedStep(UNet(width: settings.width, heads: heads), settings)
        self.settings = settings
        self.heads = heads
        self.population = population
    }

    /// The network's parameters.
    var layout: ParameterLayout { step.network.layout }

    /// What may be exchanged of some parameters: where centers differ in their classes, a network's last layer cannot.
    func shareable(_ selection: Selection = Selection()) -> Selection {
        guard !population.hasEqualClasses else { return selection }
        var selection = selection
        selection.excludedPrefixes.append("decoder.head")
        return selection
    }

    /// A network of a center, trained by the optimizer of the settings.
    /// - Parameter groups: what of it is trained together.
    func variable(
        _ name: String = "network", start: Variable.Start = .seeded, groups: [Selection]? = nil
    ) -> Variable {
        Variable(
            name, layout, start: start, hasOptimizer: settings.optimizer != .sgd, groups: groups ?? headGroups)
    }

    /// What is trained together: everything; of several heads each apart from the rest, which comes first.
    private var headGroups: [Selection] {
        guard heads.count > 1 else { return [Selection()] }
        return [Selection(except: ["decoder.heads"])]
            + heads.indices.map { Selection(below: ["decoder.heads.\($0)"]) }
    }

    /// Trains a variable with a penalty of a weight times half its squared distance from what the server has sent.
    /// - Returns: the losses, of which the first counts the penalty, and half the squared distance.
    func proximalStep(
        _ variable: String, of state: CenterState, on volume: TrainingVolume, near server: ServerState.Content,
        weight: Double
    ) -> [Double] {
        let distance = state[variable].squaredDistance(to: server.values, in: server.ranges)
        var losses = step.train(variable, of: state, on: volume) { gradients, parameters in
            gradients.addPull(of: parameters, to: server.values, weight, in: server.ranges)
        }
        losses[0] += weight / 2 * distance
        return losses + [distance / 2]
    }

    /// The groups that a volume trains; nil: all.
    func groups(of volume: TrainingVolume) -> [Int]? { heads.count > 1 ? [0, 1 + volume.head] : nil }
}

extension UNetMethod {
    package var width: Int { training.settings.width }
    package var heads: [Int] { training.heads }
    package var networkParameters: Int { training.layout.count }
    package var terms: [LossTerm] { SupervisedStep.terms }
    package var variables: [Variable] { [training.variable()] }
    package var exchanges: [Exchange] { [Exchange("network", training.shareable())] }
    func segmentingParameters(_ state: CenterState) -> Parameters { state["network"] }

    package func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        training.step.train("network", of: state, on: volume, groups: training.groups(of: volume))
    }

    package func predict(_ image: Tensor, head: Int, _ state: CenterState, _ services: Services) throws -> Tensor {
        training.step.network.infer(image, head: head, segmentingParameters(state))
    }

    package func trace(
        _ image: InferenceGraph.Value, head: Int, _ state: CenterState, in graph: inout InferenceGraph
    ) -> InferenceGraph.Value {
        training.step.network.trace(image, head: head, segmentingParameters(state), in: &graph)
    }
}

extension Parameters {
    /// Adds a factor times the distance of some parameters from others to this gradient, in the given places: the gradient
    /// of half the factor times their squared distance.
    func addPull(of parameters: Parameters, to reference: Parameters, _ factor: Double, in ranges: [Range<Int>]) {
        for range in ranges {
            Elementwise.addDifference(
                parameters.tensor, reference.tensor, times: Float(factor), to: tensor, in: range)
        }
    }

    /// The squared distance from others, in the given places.
    func squaredDistance(to other: Parameters, in ranges: [Range<Int>]) -> Double {
        ranges.reduce(0) { $0 + Elementwise.squaredDistance(tensor, other.tensor, in: $1) }
    }
}
