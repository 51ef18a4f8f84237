import FedCRLD
import FederatedLearning
import Federation
import NeuralNetwork
import Testing

@Suite("Aggregation: what is sent")
struct AggregationTests {
    private static func method(
        _ parts: [String], classes: Int, hasEqualClasses: Bool = false
    ) throws -> FedCRLDMethod {
        var settings = TrainingSettings()
        settings.width = 4
        settings.own[FedCRLDMethod.parts] = parts
        return try FedCRLDMethod(
            settings, heads: [classes], population: Population(centers: 2, hasEqualClasses: hasEqualClasses))
    }

    private static func state(_ method: FedCRLDMethod, seed: UInt64) -> CenterState {
        method.state(of: "a", seed: seed)
    }

    @Test("starts as every center does")
    func start() throws {
        let server = try Aggregation(Self.method(["global_encoder"], classes: 2), centers: 2, seed: 3, isRoot: true)
            .server
        let state = Self.state(try Self.method(["global_encoder"], classes: 4), seed: 3)
        let content = server.content("network")
        for entry in content.entries {
            #expect(entry.name.hasPrefix("global_encoder."))
            #expect(entry.pytorchValues(content.values) == entry.pytorchValues(state["network"]))
        }
        #expect(!content.entries.isEmpty)
        #expect(server.contents.count == 1, "nothing is sent of the relocalization, and there are no values for it")
    }

    @Test("loads into the network its federated parts only, and nothing into the bank")
    func load() throws {
        let method = try Self.method(["global_encoder", "decoder.stage1", "relocalization.norm"], classes: 2)
        let server = Aggregation(method, centers: 2, seed: 3, isRoot: true).server
        let (state, before) = (Self.state(method, seed: 4), Self.state(method, seed: 4))
        server.load(into: state)
        for content in server.contents {
            let network = state["network", content.part]
            #expect(state["bank", content.part].array == before["bank", content.part].array)
            let sent = Set(content.entries.map(\.name))
            #expect(!sent.isEmpty)
            for entry in network.layout.entries {
                let source = sent.contains(entry.name) ? content.values : before["network", content.part]
                #expect(entry.pytorchValues(network) == entry.pytorchValues(source), "\(entry.name)")
            }
        }
    }

    @Test(
        "refuses parts that do not exist or that centers do not share",
        arguments: [
            ("encoder", "\"encoder\""), ("global_encoder.level5", "\"global_encoder.level5\""),
            ("decoder", "decoder.head"), ("decoder.head.bias", "decoder.head"),
        ])
    func refusal(_ prefix: String, _ reason: String) {
        let error = #expect(throws: MethodError.self) {
            try Self.method(["global_encoder", prefix], classes: 2)
        }
        #expect(error?.reason.contains(reason) == true)
        #expect(error?.key == "aggregation.parts")
    }

    @Test("centers of equal classes may share all of the decoder")
    func equalClasses() {
        #expect(throws: Never.self) { try Self.method(["decoder"], classes: 2, hasEqualClasses: true) }
    }
}
