import DifferentialPrivacy
import FederatedLearning
import HDF5
import MPI
import NeuralNetwork
import SecureAggregation
import Tensors

/// The server's state among the ranks: the root's is sent to all, and what centers contribute is added up on the root,
/// exactly, and becomes the next state.
package final class Aggregation: SecureSums {
    /// What is sent.
    package let server: ServerState
    private let centers: Int
    /// This rank's part of each sum, in the order of the server's contents; their memory serves all rounds.
    private var sums: [ExactSum]
    /// How contributions hide their center; nil where they do not.
    private(set) var noise: ReleasedNoise?
    /// What centers report beside their contributions, of which the root learns the sums: losses, and whether changes are within
    /// the bound.
    private var reports = ReportSums(count: 0)
    /// How many losses each center reports.
    private var losses = 0

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

    /// Has contributions hide their center, and centers report so many losses of which the root learns the sums.
    func hide(_ noise: ReleasedNoise?, losses: Int) {
        self.noise = noise
        self.losses = losses
        reports = ReportSums(count: losses + (noise?.isAdaptive ?? false ? 1 : 0))
    }

    /// Whether something is exchanged of a part.
    package func exchanges(_ part: StatePart) -> Bool { server.contents.contains { $0.part == part } }

    /// Copies the root's values to all ranks.
    package func broadcast(_ communicator: Communicator) throws(MPIError) {
        for content in server.contents {
            for range in content.ranges { try communicator.broadcast(content.values[range], root: 0) }
        }
    }

    /// Ends the run where ranks have been sent different values: a server that sends a center a model of its own learns from
    /// what comes back.
    package func requireSameBroadcast(_ rank: RankContext) throws {
        var fingerprint = BroadcastFingerprint()
        for content in server.contents {
            for range in content.ranges {
                fingerprint.add(UnsafeRawBufferPointer(UnsafeBufferPointer(content.values[range])))
            }
        }
        if let noise { withUnsafeBytes(of: noise.clip) { fingerprint.add($0) } }
        let words = fingerprint.words
        // The largest of all words and of their complements are this rank's own, on all ranks, where all are equal.
        var largest = (words + words.map(~)).map { Int64(bitPattern: $0) }
        try rank.communicate { ranks throws(MPIError) in
            try largest.withUnsafeMutableBufferPointer { largest throws(MPIError) in
                try ranks.allReduce(largest, .maximum)
            }
        }
        guard zip(largest.prefix(words.count), largest.suffix(words.count)).contains(where: { $0 != ~$1 }) else {
            return
        }
        throw AgreedFailure(
            onRoot: rank,
            FederationError(
                attempted: "train on", subject: "what the server has sent",
                reason: "the ranks have got different values",
                remedy: "find out what the server runs; nothing was contributed. The run can be resumed"))
    }

    /// Forgets what was added.
    package func reset() {
        for index in sums.indices { sums[index].reset() }
        reports.reset()
    }

    /// Has all ranks know the root's bound of changes.
    func broadcastBound(_ rank: RankContext) throws {
        guard let noise, noise.isAdaptive else { return }
        self.noise?.clip = try rank.broadcast(noise.clip)
    }

    /// Adds a center's losses.
    func report(losses values: [Double]) { reports.add(values) }

    /// The sums of the centers' losses, on the root, where they were added up.
    var reportedLosses: [Double] { Array(reports.values.prefix(losses)) }

    /// Adds a center's contribution to this rank's part of the sums, as far as its parts are held here.
    /// - Parameter weight: the center's in the round.
    package func add(_ state: CenterState, weight: Double) throws(FederationError) {
        var share: Double?
        if let noise {
            let norm = try norm(state)
            // Differences are rounded to floats, which may make them longer by a part in 2²⁴.
            share = min(1, noise.clip * (1 - 0x1p-20) / norm)
            if noise.isAdaptive { reports.add([noise.count(norm: norm)], at: losses) }
        }
        for (index, content) in server.contents.enumerated() where state.holds(content.part) {
            let weight = self.weight(of: content, weight) * (share ?? 1)
            let values = state[content.exchange.contribution.variable, content.part]
            guard isRelative(content) else {
                try sums[index].add(values, weight: weight, center: state.center)
                continue
            }
            let change = content.values.layout.zeros()
            for range in content.ranges {
                Elementwise.addDifference(values.tensor, content.values.tensor, times: 1, to: change.tensor, in: range)
            }
            try sums[index].add(change, weight: weight, center: state.center)
        }
    }

    /// Whether a center contributes how far it is from what the server has sent: where the exchange says so, and with noise, too,
    /// where values are averaged.
    private func isRelative(_ content: ServerState.Content) -> Bool {
        if case .change = content.exchange.contribution { return true }
        return noise != nil && content.exchange.update is Average
    }

    /// What a center's contribution is multiplied by, where its weight in the round is another.
    private func weight(of content: ServerState.Content, _ weight: Double) -> Double {
        switch content.exchange.weighting {
        case .round: weight
        case .population: 1 / Double(centers)
        }
    }

    // MARK: Noise

    /// How long a center's changes are as one vector.
    private func norm(_ state: CenterState) throws(FederationError) -> Double {
        var square = 0.0
        for content in server.contents {
            let values = state[content.exchange.contribution.variable, content.part].tensor
            let origin = isRelative(content) ? content.values.tensor : nil
            for range in content.ranges {
                if let origin {
                    square += Elementwise.squaredDistance(values, origin, in: range)
                } else {
                    square += Elementwise.squaredLength(values, in: range)
                }
            }
        }
        guard square.isFinite else {
            throw FederationError(
                kind: .divergence, attempted: "aggregate", subject: "what center \(state.center) has learnt",
                reason: "its change of the model has no finite length",
                remedy: "lower learning_rate, or check the center's images")
        }
        return square.squareRoot()
    }

    /// Adds noise to this rank's sums.
    /// - Parameters:
    ///   - noise: the run's.
    ///   - weight: of each center in the round.
    ///   - shares: how many such noises make up the whole.
    func add(_ noise: ReleasedNoise, _ key: NoiseKey, weight: Double, shares: Int) {
        let scales = server.contents.map { self.weight(of: $0, weight) * ExactSum.unitsPerOne }
        let count = counts.reduce(0, +)
        for (index, scale) in scales.enumerated() {
            let gaussian = noise.gaussian(
                scale: scale, smallest: scales.min() ?? scale, count: count, shares: shares)
            sums[index].withSums { gaussian.add(key, part: index, to: $0) }
        }
        guard noise.isAdaptive else { return }
        reports.withSums(from: losses) { noise.countNoise(shares: shares).add(key, part: sums.count, to: $0) }
    }

    // MARK: Adding up

    /// Adds up the ranks' sums on the root, where they become the server's next state. They have no meaning afterwards.
    /// - Parameter communicator: nil where there is one rank.
    package func aggregate(_ communicator: Communicator?) throws(MPIError) {
        if let communicator { try reduce(communicator) }
        if communicator?.rank ?? 0 == 0 { update() }
    }

    /// Adds up the ranks' sums on the root. Elsewhere they have no meaning afterwards.
    package func reduce(_ communicator: Communicator) throws(MPIError) {
        for index in sums.indices {
            try sums[index].withSums { buffer throws(MPIError) in try communicator.reduceSum(buffer, root: 0) }
        }
        if reports.count > 0 { try reports.reduce(communicator) }
    }

    /// Adds streams to this rank's sums of what is exchanged of some parts.
    package func mask(_ streams: [MaskStream], parts: [StatePart]) {
        for (index, content) in server.contents.enumerated() where parts.contains(content.part) {
            sums[index].withSums { MaskStream.add(streams, part: index, to: $0) }
        }
        reports.mask(streams, part: sums.count)
    }

    /// How many values are added up of each of the server's variables, and beside them.
    package var counts: [Int] { sums.map(\.sums.count) + (reports.count > 0 ? reports.counts : []) }

    /// Makes the sums the server's next state. They have no meaning afterwards.
    package func update() {
        if let noise, noise.isAdaptive { self.noise?.follow(sum: reports.values[losses]) }
        for (index, content) in server.contents.enumerated() {
            // The usual case needs no array beside the values.
            guard noise != nil || !(content.exchange.update is Average) else {
                sums[index].write(to: content.values)
                continue
            }
            let sum = Parameters(undefined: content.values.layout)
            sums[index].write(to: sum)
            if noise != nil, content.exchange.update is Average {
                // The sum is of changes.
                for range in content.ranges {
                    for place in range { sum.values[place] += content.values.values[place] }
                }
            }
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
        for dataset in datasets(withMemory: true) { try dataset.write(to: file) }
    }

    /// Reads the server's file of a checkpoint's folder.
    /// - Parameter continues: whether the run goes on from there; else it takes the values and begins anew otherwise.
    package func read(checkpoint: String, width: Int, continues: Bool) throws {
        let file = try HDF5File.open(at: checkpoint + "/server.h5")
        try StateFile.check(file, width: width)
        for dataset in datasets(withMemory: continues) { try dataset.read(from: file) }
    }

    /// The datasets of the server's file.
    /// - Parameter withMemory: whether what its updates keep is among them.
    private func datasets(withMemory: Bool) -> [StateDataset] {
        server.contents.flatMap { content in
            let (exchange, includes) = (content.exchange, content.exchange.selection.contains)
            var datasets = StateDataset.all(content.values, group: exchange.variable, where: includes)
            guard withMemory else { return datasets }
            for (array, values) in zip(exchange.update.memory, content.memory) {
                datasets += StateDataset.all(
                    values, group: "optimizer/\(exchange.variable)/\(array.name)", where: includes)
            }
            return datasets
        }
    }
}
