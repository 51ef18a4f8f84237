import FederatedLearning
import HDF5
import MPI
import NeuralNetwork
import Tensors

/// The server's state among the ranks: the root's is sent to all, and what centers contribute is added up on the root,
/// exactly, and becomes the next state.
package final class Aggregation {
    /// What is sent.
    package let server: ServerState
    private let centers: Int
    /// This rank's part of each sum, in the order of the server's contents; their memory serves all rounds.
    private var sums: [ExactSum]

    /// The aggregation of a run whose centers' states have these variables.
    /// - Parameters:
    ///   - method: any center's; all agree in what is exchanged.
    ///   - centers: number of all centers.
    ///   - isRoot: whether this rank is the server.
    package init(_ method: any FederatedMethod, centers: Int, seed: UInt64, isRoot: Bool) {
        self.centers = centers
        server = method.serverState(seed: seed, keepsMemory: isRoot)
        sums = server.contents.map { ExactSum($0.values.layout, $0.exchange.selection) }
    }

    /// Whether something is exchanged of a part.
    package func exchanges(_ part: StatePart) -> Bool { server.contents.contains { $0.part == part } }

    /// Copies the root's values to all ranks.
    package func broadcast(_ communicator: Communicator) throws(MPIError) {
        for content in server.contents {
            for range in content.ranges { try communicator.broadcast(content.values[range], root: 0) }
        }
    }

    /// Forgets what was added.
    package func reset() {
        for index in sums.indices { sums[index].reset() }
    }

    /// Adds a center's contribution to this rank's part of the sums, as far as its parts are held here.
    /// - Parameter weight: the center's in the round.
    package func add(_ state: CenterState, weight: Double) throws(FederationError) {
        for (index, content) in server.contents.enumerated() where state.holds(content.part) {
            let weight =
                switch content.exchange.weighting {
                case .round: weight
                case .population: 1 / Double(centers)
                }
            switch content.exchange.contribution {
            case .values(let variable):
                try sums[index].add(state[variable, content.part], weight: weight, center: state.center)
            case .change(let variable):
                let change = content.values.layout.zeros()
                for range in content.ranges {
                    Elementwise.addDifference(
                        state[variable, content.part].tensor, content.values.tensor, times: 1, to: change.tensor,
                        in: range)
                }
                try sums[index].add(change, weight: weight, center: state.center)
            }
        }
    }

    /// Adds up the ranks' sums on the root, where they become the server's next state. They have no meaning afterwards.
    /// - Parameter communicator: nil where there is one rank.
    package func aggregate(_ communicator: Communicator?) throws(MPIError) {
        for (index, content) in server.contents.enumerated() {
            if let communicator {
                try sums[index].withSums { buffer throws(MPIError) in try communicator.reduceSum(buffer, root: 0) }
                guard communicator.rank == 0 else { continue }
            }
            // The usual case needs no array beside the values.
            guard !(content.exchange.update is Average) else {
                sums[index].write(to: content.values)
                continue
            }
            let sum = Parameters(undefined: content.values.layout)
            sums[index].write(to: sum)
            for range in content.ranges {
                content.exchange.update.apply(
                    UnsafeBufferPointer(sum[range]), to: content.values[range], memory: content.memory.map { $0[range] }
                )
            }
        }
    }

    // MARK: Files

    /// Writes the server's state: `/network/…`, and what its updates keep below `/optimizer/…`.
    package func write(to file: borrowing HDF5File) throws(HDF5Error) {
        for content in server.contents {
            let (exchange, selection) = (content.exchange, content.exchange.selection)
            try StateFile.write(content.values, to: file, group: exchange.variable, where: selection.contains)
            for (array, values) in zip(exchange.update.memory, content.memory) {
                try StateFile.write(
                    values, to: file, group: "optimizer/\(exchange.variable)/\(array.name)", where: selection.contains)
            }
        }
    }

    /// Reads the server's file of a checkpoint's folder.
    /// - Parameter continues: whether the run goes on from there; else it takes the values and begins anew otherwise.
    package func read(checkpoint: String, width: Int, continues: Bool) throws {
        let file = try HDF5File.open(at: checkpoint + "/server.h5")
        try StateFile.check(file, width: width)
        for content in server.contents {
            let (exchange, selection) = (content.exchange, content.exchange.selection)
            try StateFile.read(content.values, from: file, group: exchange.variable, where: selection.contains)
            guard continues else { continue }
            for (array, values) in zip(exchange.update.memory, content.memory) {
                try StateFile.read(
                    values, from: file, group: "optimizer/\(exchange.variable)/\(array.name)",
                    where: selection.contains)
            }
        }
    }
}
