import NeuralNetwork
import Tensors

/// What a method is called, where it comes from and what can be set of it.
package struct MethodDescription: Sendable {
    /// As `method` names it: `fedprox`.
    package let name: String
    /// In a sentence: what is special about it.
    package let summary: String
    /// Where it was published: authors, title, place.
    package let reference: String
    /// What it computes beyond averaging, as a formula; empty where there is nothing.
    package let formula: String
    /// Its own settings.
    package let settings: [SettingKey]
    /// Learning rates that are worth trying.
    package let rates: ClosedRange<Double>
    /// The method without some part of it, by name: the settings that switch it off, as `key=value`.
    package let ablations: [(name: String, settings: [String])]
    /// Whether all centers' data is trained on in one place, as one center's: nothing is federated then.
    package let poolsData: Bool
    /// Whether what it does in a round depends on how many the run has: those stay as they are when it is resumed.
    package let dependsOnRounds: Bool

    /// A description.
    package init(
        _ name: String, summary: String, reference: String, formula: String = "", settings: [SettingKey] = [],
        rates: ClosedRange<Double> = 1e-3...2e-2, ablations: [(name: String, settings: [String])] = [],
        poolsData: Bool = false, dependsOnRounds: Bool = false
    ) {
        self.name = name
        self.summary = summary
        self.reference = reference
        self.formula = formula
        self.settings = settings
        self.rates = rates
        self.ablations = ablations
        self.poolsData = poolsData
        self.dependsOnRounds = dependsOnRounds
    }
}

extension MethodDescription {
    /// What a search tries values of: the learning rate, and the settings that say so.
    package var searched: [(name: String, range: SearchRange)] {
        [("learning_rate", .logarithmic(rates))]
            + settings.compactMap { setting in setting.search.map { (setting.name, $0) } }
    }
}

/// What trains the centers' parameters.
package enum Optimizer: String, Sendable, CaseIterable {
    /// What the method was published with.
    case standard = "method"
    /// Adam, whose moments each center keeps from round to round.
    case adam
    /// Plain stochastic gradient descent.
    case sgd
}

/// What all methods may be set.
package struct TrainingSettings: Sendable, Equatable {
    /// The network's base width.
    package var width = 32
    /// The rate of the centers' optimizers.
    package var learningRate = 1e-4
    /// The centers' optimizer.
    package var optimizer = Optimizer.standard
    /// Passes over a center's volumes in a round: a round's steps are as many times its volumes.
    package var localEpochs = 1
    /// Rounds of the run.
    package var rounds = 1
    /// The weight of the Dice loss.
    package var diceWeight = 1.0
    /// The weight of the cross-entropy.
    package var crossEntropyWeight = 1.0
    /// The classes that the Dice loss is the mean over.
    package var diceClasses = DiceClasses()
    /// What the method itself declares.
    package var own = Settings()

    /// Standard values.
    package init() {}
}

/// What a method may know of all centers.
package struct Population: Sendable {
    /// Number of centers.
    package var centers: Int
    /// Whether all centers have the same classes, by number and names.
    package var hasEqualClasses: Bool

    /// So many centers.
    package init(centers: Int, hasEqualClasses: Bool) {
        self.centers = centers
        self.hasEqualClasses = hasEqualClasses
    }
}

/// One of the losses that a step tells.
package struct LossTerm: Sendable {
    /// Its name in metrics, TensorBoard and the report.
    package let name: String
    /// Its name in the progress bar, where it is shown there.
    package let shown: String?

    /// A term.
    package init(_ name: String, shown: String? = nil) {
        self.name = name
        self.shown = shown
    }
}

/// A volume as a step takes it.
package struct TrainingVolume: Sendable {
    /// The image: (D, H, W, 1), H and W at least 8.
    package let image: Tensor
    /// A class for each voxel, in (z, y, x) order.
    package let labels: [UInt8]
    /// The head of the networks whose classes they are.
    package let head: Int

    /// A volume with its labels.
    package init(image: Tensor, labels: [UInt8], head: Int = 0) {
        self.image = image
        self.labels = labels
        self.head = head
    }
}

/// What a center's part of a round depends on beside its state, and whom it may ask.
package struct TrainingContext {
    /// Steps that the center makes in the round.
    package let steps: Int
    /// The sum of these steps' factors of the learning rate: their number, where the rate is constant.
    package let rateSum: Double
    /// What the server has sent.
    package let server: ServerState
    /// The method's module, where it runs elsewhere.
    package let services: Services
    /// The center's validation volumes, or those of training where it has none. They are read when they are asked for.
    package let validation: () throws -> [TrainingVolume]

    /// A round of so many steps.
    /// - Parameter rateSum: see ``rateSum``; nil: the rate is constant.
    package init(
        steps: Int, rateSum: Double? = nil, server: ServerState, services: Services,
        validation: @escaping () throws -> [TrainingVolume] = { [] }
    ) {
        self.steps = steps
        self.rateSum = rateSum ?? Double(steps)
        self.server = server
        self.services = services
        self.validation = validation
    }
}

/// How centers learn together: one file with what is special about it; everything else follows from what it declares.
///
/// A value trains the centers of one number of classes, or, where it pools data, of all. It has no state: that is in
/// ``CenterState`` and ``ServerState``.
package protocol FederatedMethod: Sendable {
    /// Name, source and settings.
    static var about: MethodDescription { get }

    /// The method for centers whose networks have some heads.
    /// - Parameter heads: the classes of each: of one, but where a method pools the data of centers of different classes.
    /// - Throws: where settings contradict each other or do not suit the centers.
    init(_ settings: TrainingSettings, heads: [Int], population: Population) throws(MethodError)

    /// The base width of its networks and the classes of their heads, as files say them.
    var width: Int { get }
    /// See ``width``.
    var heads: [Int] { get }
    /// The losses that ``step(_:_:_:)`` returns.
    var terms: [LossTerm] { get }
    /// The arrays of a center's state. Those that others copy come before them.
    var variables: [Variable] { get }
    /// What travels once a round.
    var exchanges: [Exchange] { get }
    /// Numbers in what segments an image.
    var networkParameters: Int { get }

    /// The part of the state that the root computes with, where there are several ranks; nil: none.
    var remotePart: StatePart? { get }
    /// What that part computes with.
    /// - Parameter state: holds the part.
    func module(of state: CenterState) -> any RemoteModule
    /// What the module can be asked, in the order of their numbers, which begin at 1.
    var operations: [RemoteOperation] { get }

    /// Prepares a center for a round, before its first step.
    /// - Parameter round: its number, from 1.
    func begin(_ state: CenterState, round: Int, _ server: ServerState)
    /// Trains a center on one volume.
    /// - Returns: the losses, in the order of ``terms``.
    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double]
    /// Ends a center's part of a round, after its last step.
    func finish(_ state: CenterState, _ context: TrainingContext)
    /// Class probabilities (D, H, W, classes) of an image (D, H, W, 1), by one of the heads.
    func predict(_ image: Tensor, head: Int, _ state: CenterState, _ services: Services) throws -> Tensor
    /// Adds to a graph what ``predict(_:head:_:_:)`` computes, for other programs. The state has all parts.
    /// - Returns: the probabilities.
    func trace(_ image: InferenceGraph.Value, head: Int, _ state: CenterState, in graph: inout InferenceGraph)
        -> InferenceGraph.Value
}

extension FederatedMethod {
    package var remotePart: StatePart? { nil }
    package var operations: [RemoteOperation] { [] }
    package func module(of state: CenterState) -> any RemoteModule {
        preconditionFailure("\(Self.about.name) has no module of its own")
    }
    package func begin(_ state: CenterState, round: Int, _ server: ServerState) { server.load(into: state) }
    package func finish(_ state: CenterState, _ context: TrainingContext) {}

    /// A center before its first round.
    /// - Parameters:
    ///   - parts: what is held of it; nil: everything.
    ///   - seed: what initial values follow from; nil: they are undefined, for who sets all of them.
    package func state(of center: String, parts: [StatePart]? = nil, seed: UInt64?) -> CenterState {
        CenterState(center: center, heads: heads, variables: variables, parts: parts ?? self.parts, seed: seed)
    }

    /// The server before the first round.
    /// - Parameter keepsMemory: whether it is on the rank that updates.
    package func serverState(seed: UInt64, keepsMemory: Bool) -> ServerState {
        ServerState(exchanges: exchanges, variables: variables, seed: seed, keepsMemory: keepsMemory)
    }

    /// Whether anything is exchanged of a part of the centers' states, or of any.
    package func exchangesSomething(of part: StatePart? = nil) -> Bool {
        exchanges.contains { exchange in
            variables.contains { variable in
                variable.name == exchange.variable && (part == nil || variable.part == part)
                    && !exchange.selection.entries(of: variable.layout).isEmpty
            }
        }
    }

    /// All parts of a center's state.
    package var parts: [StatePart] {
        variables.reduce(into: []) { parts, variable in
            if !parts.contains(variable.part) { parts.append(variable.part) }
        }
    }
}

/// Settings that a method cannot work with.
package struct MethodError: Error, Sendable {
    /// The key.
    package let key: String
    /// Why.
    package let reason: String
    /// What to do.
    package let remedy: String

    /// An error about a key.
    package init(_ key: String, _ reason: String, remedy: String) {
        self.key = key
        self.reason = reason
        self.remedy = remedy
    }
}
