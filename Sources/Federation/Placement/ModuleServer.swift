import FederatedLearning
import MPI
import Tensors

/// The root's side of a method's module that lives there: one for each center. See ``RootChannel``.
package final class ModuleServer {
    private let rank: RankContext
    private let store: CenterStore
    private let centers: [String]
    private let methods: [String: any FederatedMethod]
    /// Of the centers that are in the middle of a step. A module holds its center's state: one that stayed would keep the
    /// state in memory after the store has set it aside.
    private var modules: [Int: (module: any RemoteModule, state: CenterState)] = [:]

    /// - Parameters:
    ///   - store: of the modules' part of all centers.
    ///   - centers: the names by the indices that requests use.
    ///   - methods: of each center.
    package init(
        _ rank: RankContext, store: CenterStore, centers: [String], methods: [String: any FederatedMethod]
    ) {
        self.rank = rank
        self.store = store
        self.centers = centers
        self.methods = methods
    }

    /// Answers requests, of whoever asks first, until no rank has any more.
    /// - Parameters:
    ///   - prepare: called with a center's index and state before its first request: loads what is federated.
    ///   - rateFactor: the schedule's factor of the learning rate in the center's step at hand.
    ///   - stepped: called with them when the center has finished a step.
    package func serve(
        prepare: (Int, CenterState) -> Void = { _, _ in }, rateFactor: (Int, CenterState) -> Double = { _, _ in 1 },
        stepped: (Int, CenterState) throws -> Void = { _, _ in }
    ) throws {
        modules.removeAll()
        var prepared: Set<Int> = []
        while let question = try rank.communicate({ ranks throws(MPIError) in try ranks.links().nextQuestion() }) {
            let request = ModuleRequest(encoded: question.head)
            let name = centers[request.center]
            let state = try rank.clock.measure(.checkpoint) { try store.state(of: name) }
            if prepared.insert(request.center).inserted { prepare(request.center, state) }
            state.rateFactor = rateFactor(request.center, state)
            let results = rank.clock.measure(.compute) {
                module(request.center, state).answer(request.operation, request.shape, question.content)
            }
            try rank.communicate { ranks throws(MPIError) in
                try ranks.links().answer(question, count: request.floatsReceived) { results.write(to: $0) }
            }
            let operation = methods[name]?.operations[request.operation - 1]
            if operation?.endsUse == true { modules[request.center] = nil }
            if operation?.endsStep == true { try stepped(request.center, state) }
        }
        modules.removeAll()
    }

    /// The module of a center, with the state that the store holds now.
    private func module(_ center: Int, _ state: CenterState) -> any RemoteModule {
        if let known = modules[center], known.state === state { return known.module }
        guard let method = methods[state.center] else { preconditionFailure("every center has a method") }
        let module = method.module(of: state)
        modules[center] = (module, state)
        return module
    }
}
