import FedCRLD
import HDF5
import MPI
import NeuralNetwork
import Tensors

/// The server's model: the federated parameters, which is the global encoder unless more parts are configured.
package final class GlobalModel {
    /// State-dict prefixes of what is federated.
    package let prefixes: [String]
    /// The network whose layouts describe the values; all centers agree in the federated entries.
    package let network: ClientNetwork
    private let values: [CenterState.Part: Tensor]

    /// The model before the first round.
    /// - Parameters:
    ///   - networks: the centers'. At least one.
    ///   - prefixes: what is federated; ``check(_:networks:)`` has nothing against it.
    package init(networks: [ClientNetwork], prefixes: [String], seed: UInt64) {
        guard let network = networks.first else { preconditionFailure("a federation has centers") }
        self.network = network
        self.prefixes = prefixes
        var values: [CenterState.Part: Tensor] = [:]
        for part in CenterState.Part.allCases { values[part] = part.layout(of: network).initialValues(seed: seed) }
        self.values = values
    }

    /// Checks that parts of the centers' networks can be federated.
    /// - Throws: a configuration error where a prefix names nothing, or what differs in shape between the centers.
    package static func check(_ prefixes: [String], networks: [ClientNetwork]) throws(FederationError) {
        guard let network = networks.first else { return }
        for prefix in prefixes
        where !CenterState.Part.allCases.contains(where: { !entries($0, of: network, [prefix]).isEmpty }) {
            throw unusable(prefix, "the network has no such part")
        }
        // The head alone depends on what differs between centers: their classes.
        guard let other = networks.first(where: { $0.classes != network.classes }),
            let head = entries(.client, of: network, prefixes).first(where: { $0.name.hasPrefix("decoder.head.") })
        else { return }
        throw unusable(
            head.name, "centers have \(network.classes) and \(other.classes) classes, so it differs in shape")
    }

    /// The federated entries of a part's layout.
    package func entries(_ part: CenterState.Part) -> [ParameterLayout.Entry] {
        Self.entries(part, of: network, prefixes)
    }

    /// The values of a part; only those of its federated entries have a meaning.
    package func values(_ part: CenterState.Part) -> Tensor {
        guard let tensor = values[part] else { preconditionFailure("every part has values") }
        return tensor
    }

    /// Copies the root's values to all ranks.
    package func broadcast(_ communicator: Communicator) throws(MPIError) {
        for part in CenterState.Part.allCases {
            for range in contiguousRanges(part) {
                try communicator.broadcast(
                    UnsafeMutableBufferPointer(start: values(part).base + range.lowerBound, count: range.count), root: 0
                )
            }
        }
    }

    /// Loads the model into the network of a center, as far as its parts are held here.
    package func load(into state: CenterState) {
        for (part, bank) in state.orderedParts {
            for range in contiguousRanges(part) {
                (bank.network.base + range.lowerBound).update(
                    from: values(part).base + range.lowerBound, count: range.count)
            }
        }
    }

    /// Empty sums for the federated entries of all parts.
    package func emptySums() -> [CenterState.Part: ExactSum] {
        Dictionary(
            uniqueKeysWithValues: CenterState.Part.allCases.map {
                ($0, ExactSum($0.layout(of: network), parts: prefixes))
            })
    }

    /// Adds up the ranks' sums on the root, where they become the model. The sums have no meaning afterwards.
    package func aggregate(
        _ sums: inout [CenterState.Part: ExactSum], _ communicator: Communicator
    ) throws(MPIError) {
        for part in CenterState.Part.allCases {
            guard let entries = sums[part]?.entries, !entries.isEmpty else { continue }
            try sums[part]?.withSums { buffer throws(MPIError) in try communicator.reduceSum(buffer, root: 0) }
            if communicator.rank == 0 { sums[part]?.write(to: values(part)) }
        }
    }

    /// Writes the model below `/network`.
    package func write(to file: borrowing HDF5File) throws(HDF5Error) {
        for part in CenterState.Part.allCases {
            try StateFile.write(values(part), part.layout(of: network), to: file, group: "network/") {
                FederatedParts.contains($0, prefixes)
            }
        }
    }

    /// Reads what ``write(to:)`` wrote.
    package func read(from file: borrowing HDF5File) throws(HDF5Error) {
        for part in CenterState.Part.allCases {
            try StateFile.read(values(part), part.layout(of: network), from: file, group: "network/") {
                FederatedParts.contains($0, prefixes)
            }
        }
    }

    private static func entries(
        _ part: CenterState.Part, of network: ClientNetwork, _ prefixes: [String]
    ) -> [ParameterLayout.Entry] {
        part.layout(of: network).entries.filter { FederatedParts.contains($0.name, prefixes) }
    }

    /// The federated entries' places, neighbours joined.
    private func contiguousRanges(_ part: CenterState.Part) -> [Range<Int>] {
        entries(part).reduce(into: []) { ranges, entry in
            if let last = ranges.last, last.upperBound == entry.offset {
                ranges[ranges.count - 1] = last.lowerBound..<entry.range.upperBound
            } else {
                ranges.append(entry.range)
            }
        }
    }

    private static func unusable(_ prefix: String, _ reason: String) -> FederationError {
        FederationError(
            kind: .configuration, attempted: "federate", subject: "\"\(prefix)\" (aggregation.parts)", reason: reason,
            remedy: "name parts that all centers share, such as global_encoder, local_encoder or decoder.stage1")
    }
}
