import FedCRLD
import NeuralNetwork

/// What a rank needs of memory beside the program itself.
package struct MemoryEstimate {
    /// Bytes of all.
    package let bytes: Int

    /// The needs of a rank.
    /// - Parameters:
    ///   - networks: of all centers.
    ///   - centers: how many it hosts.
    ///   - largestCenter: training volumes of the largest of them.
    ///   - trial: a step on its largest volume; nil where it makes none.
    init(
        _ configuration: Configuration, networks: [ClientNetwork], ranks: Int, isRoot: Bool, centers: Int,
        largestCenter: Int, trial: TrialStep?
    ) {
        let isRemote = configuration.crl.placement == .root && ranks > 1
        let largest = networks.max { Self.state($0) < Self.state($1) }
        let parameters = largest.map { $0.layout.count + $0.relocalization.layout.count } ?? 0
        // The server's model, a sum of it as 64-bit integers.
        var bytes = Self.libraries + parameters * (4 + 8)
        func held(_ parts: [CenterState.Part], _ centers: Int, _ capacity: Int) -> Int {
            // One that is read ahead, and what is staged to be written.
            let states = min(centers, capacity) + (centers > capacity ? 1 : 0)
            let state = largest.map { Self.state($0, parts: parts) } ?? 0
            return states * state + min(Self.stagingLimit(networks), max(1, centers) * state)
        }
        if centers > 0 {
            bytes += held(isRemote ? [.client] : CenterState.Part.allCases, centers, configuration.residentCenters)
            if let trial {
                let samples =
                    min(centers, configuration.residentCenters) + (centers > configuration.residentCenters ? 1 : 0)
                bytes += trial.workingBytes + samples * largestCenter * trial.sampleBytes
            }
        }
        if isRoot, isRemote {
            bytes += held([.relocalization], networks.count, max(configuration.residentCenters, ranks))
        }
        self.bytes = bytes
    }

    /// Buffers of the libraries, and what the allocators of several threads hold back: measured, about.
    private static let libraries = 48 << 20

    /// Bytes of a center's whole state: networks, banks and the two moments of each one's optimizer.
    package static func state(_ network: ClientNetwork, parts: [CenterState.Part] = CenterState.Part.allCases) -> Int {
        6 * parts.reduce(0) { $0 + $1.layout(of: network).count } * MemoryLayout<Float>.size
    }

    /// Bytes that may wait to be written: one center's files, or a little for small networks.
    package static func stagingLimit(_ networks: [ClientNetwork]) -> Int {
        max(64 << 20, networks.map { state($0) }.max() ?? 0)
    }
}
