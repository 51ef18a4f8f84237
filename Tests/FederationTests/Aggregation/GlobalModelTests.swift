import FedCRLD
import Federation
import NeuralNetwork
import Tensors
import Testing

@Suite("Global model")
struct GlobalModelTests {
    private static let networks = [ClientNetwork(width: 4, classes: 2), ClientNetwork(width: 4, classes: 4)]

    @Test("starts as every center does")
    func start() {
        let model = GlobalModel(networks: Self.networks, prefixes: ["global_encoder"], seed: 3)
        let state = CenterState(name: "a", network: Self.networks[1], parts: [.client], seed: 3)
        for entry in model.entries(.client) {
            #expect(entry.name.hasPrefix("global_encoder."))
            #expect(entry.pytorchValues(model.values(.client)) == entry.pytorchValues(state.part(.client).network))
        }
        #expect(model.entries(.relocalization).isEmpty)
    }

    @Test("loads into the network its federated parts only, and nothing into the bank")
    func load() throws {
        let parts = ["global_encoder", "decoder.stage1", "relocalization.norm"]
        let model = GlobalModel(networks: Self.networks, prefixes: parts, seed: 3)
        let state = CenterState(name: "a", network: Self.networks[0], parts: CenterState.Part.allCases, seed: 4)
        let before = Dictionary(
            uniqueKeysWithValues: state.orderedParts.map { ($0.part, ($0.bank.network.copy(), $0.bank.bank.array)) })
        model.load(into: state)
        for (part, bank) in state.orderedParts {
            let (network, values) = try #require(before[part])
            #expect(bank.bank.array == values)
            for entry in bank.layout.entries {
                let source = FederatedParts.contains(entry.name, parts) ? model.values(part) : network
                #expect(entry.pytorchValues(bank.network) == entry.pytorchValues(source), "\(entry.name)")
            }
        }
    }

    @Test(
        "refuses parts that do not exist or that centers do not share",
        arguments: [
            ("encoder", "\"encoder\" (aggregation.parts)"), ("global_encoder.level5", "\"global_encoder.level5\""),
            ("decoder", "decoder.head"), ("decoder.head.bias", "decoder.head"),
        ])
    func refusal(_ prefix: String, _ subject: String) {
        let error = #expect(throws: FederationError.self) {
            try GlobalModel.check(["global_encoder", prefix], networks: Self.networks)
        }
        #expect(error?.subject.contains(subject) == true)
        #expect(error?.kind == .configuration)
    }

    @Test("centers of equal classes may share all of the decoder")
    func equalClasses() {
        #expect(throws: Never.self) {
            try GlobalModel.check(["decoder"], networks: [Self.networks[0], Self.networks[0]])
        }
    }
}
