import FedCRLD
import FederatedLearning
import NeuralNetwork
import Tensors

/// A center's network with parameters, banks that differ from them, and a volume to train on.
struct Example {
    let network: ClientNetwork
    let settings: StepSettings
    let model: MomentumBank
    let relocalization: LocalRelocalization
    let image: Tensor
    let labels: [UInt8]

    init(
        width: Int = 4, classes: Int = 3, depth: Int = 2, height: Int = 17, columns: Int = 19,
        settings: StepSettings = StepSettings(learningRate: 1e-3), scale: AttentionScale = .none
    ) {
        network = ClientNetwork(width: width, classes: classes, attentionScale: scale)
        self.settings = settings
        model = Self.bank(network.layout)
        relocalization = LocalRelocalization(
            network.relocalization, Self.bank(network.relocalization.layout), settings)
        let shape = Shape(depth: depth, height: height, width: columns, channels: 1)
        labels = (0..<shape.count).map { UInt8($0 / 3 % classes) }
        image = Tensor(shape, values: zip(Self.values("image", shape.count), labels).map { $0 + Float($1) })
    }

    func step() throws -> StepLosses {
        try ClientStep(network, settings).run(
            image: image, labels: labels, model: model, relocalization: relocalization)
    }

    /// Values in [−1, 1) that are a function of name and index.
    static func values(_ name: String, _ count: Int) -> [Float] {
        let key = RandomStream.hash(name)
        return (0..<count).map { Float(RandomStream.mix(key &+ UInt64($0)) >> 40) / Float(1 << 23) - 1 }
    }

    private static func bank(_ layout: ParameterLayout) -> MomentumBank {
        let bank = MomentumBank(layout, seed: 5)
        // Not far from the network, and cheap where nothing is optimized.
        let (teacher, student) = (bank.teacher.values, bank.student.values)
        var index = 1
        while index < layout.count {
            teacher[index] += 0.3 * student[index &- 1]
            index &+= 1
        }
        return bank
    }
}

extension MomentumBank {
    /// A bank of initial values, in a state of its own.
    init(_ layout: ParameterLayout, seed: UInt64) {
        self.init(
            CenterState(
                center: "example", heads: [2], variables: MomentumBank.variables(layout), parts: [.center], seed: seed))
    }
}
