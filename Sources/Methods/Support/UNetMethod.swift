import FederatedLearning
import NeuralNetwork
import Tensors

/// A method whose centers train one U-Net each on their labels. What it declares of itself is what is special about it.
protocol UNetMethod: FederatedMethod {
    /// The network and how it is trained.
    var training: UNetTraining { get }
    /// The variable that segments images.
    var segmenting: String { get }
}

/// The U-Net of a center and how it is trained.
package struct UNetTraining: Sendable {
    /// Steps of the network.
    let step: SupervisedStep
    let settings: TrainingSettings
    let classes: Int
    let population: Population

    /// The training of a center with so many classes.
    init(_ settings: TrainingSettings, classes: Int, population: Population) {
        step = SupervisedStep(UNet(width: settings.width, classes: classes), settings)
        self.settings = settings
        self.classes = classes
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
    func variable(_ name: String = "network", start: Variable.Start = .seeded) -> Variable {
        Variable(name, layout, start: start, hasOptimizer: settings.optimizer != .sgd)
    }
}

extension UNetMethod {
    package var width: Int { training.settings.width }
    package var classes: Int { training.classes }
    package var networkParameters: Int { training.layout.count }
    package var terms: [LossTerm] { SupervisedStep.terms }
    package var variables: [Variable] { [training.variable()] }
    package var exchanges: [Exchange] { [Exchange("network", training.shareable())] }
    var segmenting: String { "network" }

    package func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        training.step.train("network", of: state, on: volume)
    }

    package func predict(_ image: Tensor, _ state: CenterState, _ services: Services) throws -> Tensor {
        training.step.network.infer(image, state[segmenting])
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
