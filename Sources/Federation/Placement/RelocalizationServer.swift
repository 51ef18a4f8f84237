import FedCRLD
import MPI
import NeuralNetwork
import Tensors

/// The root's side of contrastive re-localization, with `crl.placement: root`: a module, its momentum bank and their
/// optimizers for each center. See ``RelocalizationExchange``.
package final class RelocalizationServer {
    private let rank: RankContext
    private let store: CenterStore
    private let centers: [String]
    private let settings: StepSettings
    /// Of the centers that are in the middle of a step. A service holds its center's state: one that stayed would keep
    /// the state in memory after the store has set it aside.
    private var services: [Int: LocalRelocalization] = [:]

    /// - Parameters:
    ///   - store: of the relocalization part of all centers.
    ///   - centers: the names by the indices that requests use.
    package init(_ rank: RankContext, store: CenterStore, centers: [String], settings: StepSettings) {
        self.rank = rank
        self.store = store
        self.centers = centers
        self.settings = settings
    }

    /// Answers requests until no rank has any more.
    /// - Parameters:
    ///   - prepare: called with a center's index and state before its first request: loads what is federated.
    ///   - stepped: called with them when the center has finished a step.
    package func serve(
        prepare: (Int, CenterState) -> Void = { _, _ in }, stepped: (Int, CenterState) throws -> Void = { _, _ in }
    ) throws {
        services.removeAll()
        var prepared: Set<Int> = []
        while try rank.communicate({ ranks throws(MPIError) in try ranks.allReduce(Int64(0), .maximum) }) > 0 {
            let headers = try rank.communicate { ranks throws(MPIError) in
                try ranks.gather(RelocalizationExchange.Header().encoded)
            }
            let requests = (headers ?? []).map(RelocalizationExchange.Header.init(encoded:))
            let sent = requests.map { $0.operation.sent * $0.floats }
            let received = requests.map { $0.operation.received * $0.floats }
            let input = Tensor(flat: max(1, sent.reduce(0, +)))
            let output = Tensor(flat: max(1, received.reduce(0, +)))
            try rank.communicate { ranks throws(MPIError) in
                try ranks.gatherVariable(
                    send: UnsafeBufferPointer(start: input.base, count: 0), counts: sent,
                    into: UnsafeMutableBufferPointer(start: input.base, count: sent.reduce(0, +)), root: 0)
            }
            var source = input.base
            var target = output.base
            for request in requests where request.operation != .none {
                let name = centers[request.center]
                let state = try rank.clock.measure(.checkpoint) { try store.state(of: name) }
                if prepared.insert(request.center).inserted { prepare(request.center, state) }
                rank.clock.measure(.compute) {
                    answer(request, state, UnsafePointer(source), into: target)
                }
                source += request.operation.sent * request.floats
                target += request.operation.received * request.floats
                if request.operation.endsStep { services[request.center] = nil }
                if request.operation == .backwardBank { try stepped(request.center, state) }
            }
            try rank.communicate { ranks throws(MPIError) in
                try ranks.scatterVariable(
                    send: UnsafeBufferPointer(start: output.base, count: received.reduce(0, +)), counts: received,
                    into: UnsafeMutableBufferPointer(start: output.base, count: 0), root: 0)
            }
        }
        services.removeAll()
    }

    private func answer(
        _ request: RelocalizationExchange.Header, _ state: CenterState, _ input: UnsafePointer<Float>,
        into output: UnsafeMutablePointer<Float>
    ) {
        let service = service(request.center, state)
        let shape = request.shape
        func tensor(_ index: Int, _ shape: Shape) -> Tensor {
            let tensor = Tensor(shape)
            tensor.base.update(from: input + index * request.floats, count: shape.count)
            return tensor
        }
        func bottlenecks(_ first: Int) -> Bottlenecks {
            Bottlenecks(server: tensor(first, shape), client: tensor(first + 1, shape))
        }
        let gradient = { tensor(0, shape.with(channels: 2 * shape.channels)) }
        let results: [Tensor]
        switch request.operation {
        case .none: results = []
        case .relocalize:
            let pair = service.relocalize(bank: bottlenecks(0), network: bottlenecks(2))
            results = [pair.bank, pair.network]
        case .backwardNetwork:
            let gradients = service.backwardNetwork(gradient())
            results = [gradients.server, gradients.client]
        case .relocalizeBank: results = [service.relocalizeBank(bottlenecks(0))]
        case .backwardBank:
            let gradients = service.backwardBank(gradient())
            results = [gradients.server, gradients.client]
        case .infer: results = [service.infer(bottlenecks(0))]
        }
        var position = 0
        for result in results {
            (output + position).update(from: result.base, count: result.count)
            position += result.count
        }
    }

    /// The service of a center, with the state that the store holds now.
    private func service(_ center: Int, _ state: CenterState) -> LocalRelocalization {
        let bank = state.part(.relocalization)
        if let known = services[center], known.parameters === bank { return known }
        let service = LocalRelocalization(state.network.relocalization, bank, settings)
        services[center] = service
        return service
    }
}
