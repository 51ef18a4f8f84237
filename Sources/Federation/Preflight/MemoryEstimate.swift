import FederatedLearning

/// What a rank needs of memory beside the program itself.
package struct MemoryEstimate {
    /// Bytes of all.
    package let bytes: Int

    /// The needs of a rank.
    /// - Parameters:
    ///   - methods: of all centers.
    ///   - centers: how many it hosts.
    ///   - largestCenter: training volumes of the largest of them.
    ///   - trial: a step on its largest volume; nil where it makes none.
    init(
        _ configuration: Configuration, methods: [any FederatedMethod], ranks: Int, isRoot: Bool, centers: Int,
        largestCenter: Int, trial: TrialStep?
    ) {
        let largest = methods.max { Self.state($0) < Self.state($1) }
        let remotePart = ranks > 1 ? largest?.remotePart : nil
        let parts = largest?.parts ?? []
        // What the server sends, sums of it as 64-bit integers and, on the root, what its updates keep.
        let exchanged = (largest?.exchanges ?? []).reduce(0) { bytes, exchange in
            let layouts = (largest?.variables ?? []).filter { $0.name == exchange.variable }.map(\.layout)
            let ranges = layouts.map { exchange.selection.ranges(of: $0) }
            let values = ranges.reduce(0) { $0 + ($1.last?.upperBound ?? 0) }
            let summed = ranges.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } }
            return bytes + 8 * summed + 4 * values * (1 + (isRoot ? exchange.update.memory.count : 0))
        }
        var bytes = Self.libraries + exchanged
        func held(_ parts: [StatePart], _ centers: Int, _ capacity: Int) -> Int {
            // One that is read ahead, and what is staged to be written.
            let states = min(centers, capacity) + (centers > capacity ? 1 : 0)
            let state = largest.map { Self.state($0, parts: parts) } ?? 0
            return states * state + min(Self.stagingLimit(methods), max(1, centers) * state)
        }
        if centers > 0 {
            bytes += held(parts.filter { $0 != remotePart }, centers, configuration.residentCenters)
            if let trial {
                let samples =
                    min(centers, configuration.residentCenters) + (centers > configuration.residentCenters ? 1 : 0)
                bytes += trial.workingBytes + samples * largestCenter * trial.sampleBytes
            }
        }
        if isRoot, let remotePart {
            bytes += held([remotePart], methods.count, max(configuration.residentCenters, ranks))
        }
        self.bytes = bytes
    }

    /// Buffers of the libraries, and what the allocators of several threads hold back: measured, about.
    private static let libraries = 48 << 20

    /// Bytes of a center's state, or of some parts of it.
    package static func state(_ method: any FederatedMethod, parts: [StatePart]? = nil) -> Int {
        method.variables.filter { parts?.contains($0.part) ?? true }.reduce(0) { $0 + $1.count }
            * MemoryLayout<Float>.size
    }

    /// Bytes of what of a state rests in one place.
    static func state(_ method: any FederatedMethod, resting rest: Variable.Rest) -> Int {
        method.variables.reduce(0) { count, variable in
            let optimizer = variable.hasOptimizer && rest == .checkpoint ? 2 * variable.layout.count : 0
            return count + optimizer + (variable.rest == rest ? variable.layout.count : 0)
        } * MemoryLayout<Float>.size
    }

    /// Bytes that may wait to be written: one center's files, or a little for small networks.
    package static func stagingLimit(_ methods: [any FederatedMethod]) -> Int {
        max(64 << 20, methods.map { state($0) }.max() ?? 0)
    }
}
