import FedCRLD
import NeuralNetwork

/// What a rank needs of memory, by what it holds.
package enum MemoryEstimate {
    /// Bytes of a center's whole state: networks, banks and the two moments of each one's optimizer.
    package static func state(_ network: ClientNetwork, parts: [CenterState.Part] = CenterState.Part.allCases) -> Int {
        6 * parts.reduce(0) { $0 + $1.layout(of: network).count } * MemoryLayout<Float>.size
    }

    /// Bytes that may wait to be written: one center's files, or a little for small networks.
    package static func stagingLimit(_ networks: [ClientNetwork]) -> Int {
        max(64 << 20, networks.map { state($0) }.max() ?? 0)
    }
}
