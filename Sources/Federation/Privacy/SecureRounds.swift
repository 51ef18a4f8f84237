import CardiacMR
import FederatedLearning
import MPI
import SecureAggregation

/// The end of a round where the server is to learn the sum of the contributions and nothing else: a rank's part of the exchange
/// is that of its centers (``SecureCenter``) and, on the root, the server's (``SecureServer``).
///
/// All messages go by way of the root; the masked sums go as the plain ones do. Masks cancel exactly in integers that wrap
/// around, so the next state has the same bits as without.
package final class SecureRounds {
    private let rank: RankContext
    private let configuration: Configuration
    /// All centers, in a round or not.
    private let count: Int
    /// The parts of the states that centers' ranks hold and mask.
    private let parts: [StatePart]
    private let makeIdentity: (Int) throws -> CenterIdentity
    private let publicKey: (Int) -> String
    private var identities: [Int: CenterIdentity] = [:]

    /// Secure rounds of some centers.
    /// - Parameters:
    ///   - count: of all centers.
    ///   - parts: of the centers' states, as the ranks that host centers hold them.
    ///   - identity: what a center signs with; asked on its rank, once.
    ///   - publicKey: what others know a center by.
    package init(
        _ rank: RankContext, _ configuration: Configuration, count: Int, parts: [StatePart],
        identity: @escaping (Int) throws -> CenterIdentity, publicKey: @escaping (Int) -> String
    ) {
        self.rank = rank
        self.configuration = configuration
        self.count = count
        self.parts = parts
        makeIdentity = identity
        self.publicKey = publicKey
    }

    /// Those of a run, whose centers have their keys in their folders.
    convenience init(
        _ rank: RankContext, _ configuration: Configuration, _ participants: [Participant], parts: [StatePart]
    ) {
        self.init(
            rank, configuration, count: participants.count, parts: parts,
            identity: { try CenterKeys.identity(of: participants[$0].cohorts[0]) },
            publicKey: { participants[$0].cohorts[0].publicKey ?? "" })
    }

    /// Adds up the ranks' sums of a round on the root, where they become the server's next state.
    /// - Parameters:
    ///   - record: on disk already, with this exchange.
    ///   - hosted: the centers that this rank has trained.
    package func aggregate(
        _ plan: RoundPlan, _ aggregation: Aggregation, _ record: PrivacyRecord, hosted: Set<Int>
    ) throws {
        let faults = SecureFaults(plan, dropout: configuration.dropout, seed: configuration.seed)
        let weight = RoundPlan.expectedWeight(configuration, centers: count)
        try exchange(aggregation, of: faults, round: plan.round, record, hosted: hosted) { center in
            guard let noise = aggregation.noise else { return }
            aggregation.add(
                noise, noise.key(round: plan.round, center: center), weight: weight,
                shares: ReleasedNoise.shares(of: faults.chosen.count))
        }
        try rank.onRoot { aggregation.update() }
    }

    /// Adds up on the root what all centers report after a round.
    /// - Parameters:
    ///   - record: on disk already, with this exchange.
    ///   - hosted: the centers that have reported on this rank.
    func addUp(_ reports: ReportSums, after round: Int, _ record: PrivacyRecord, hosted: Set<Int>) throws {
        try exchange(reports, of: SecureFaults(ofAll: count), round: round, record, hosted: hosted)
    }

    /// Adds up the ranks' sums on the root.
    /// - Parameters:
    ///   - record: on disk already, with this exchange.
    ///   - hosted: the centers that have contributed on this rank.
    ///   - addNoise: adds a center's noise to this rank's sums.
    private func exchange(
        _ sums: some SecureSums, of faults: SecureFaults, round: Int, _ record: PrivacyRecord, hosted: Set<Int>,
        addNoise: (Int) -> Void = { _ in }
    ) throws {
        let graph = SharingGraph(faults.chosen, seed: configuration.seed, round: round)
        let context = RoundContext(
            run: record.run, round: round, attempt: record.exchanges, layout: sums.counts, centers: faults.chosen)
        func mine(_ centers: some Sequence<Int>) -> [Int] { centers.filter(hosted.contains) }

        let centers = try Dictionary(
            uniqueKeysWithValues: mine(faults.saying).map { center in
                (center, SecureCenter(center, context, graph, try identity(of: center)))
            })
        /// A center's side; before it works, the ranks that wait hear that this one lives.
        func secure(_ center: Int) throws -> SecureCenter {
            try rank.communicator.attend()
            guard let found = centers[center] else { preconditionFailure("center \(center) has said its keys") }
            return found
        }
        let keys = try share(mine(faults.saying).map { try secure($0).advertise() })
        let shares = try share(
            try rank.clock.measure(.compute) {
                try mine(faults.sharing).map { try secure($0).share(keys, publicKey: publicKey) }
            })
        let contributing = mine(faults.contributing).sorted()
        let masks = try rank.clock.measure(.compute) {
            try contributing.flatMap { center in
                try secure(center).accept(shares)
                return try secure(center).masks(among: Set(contributing))
            }
        }
        try rank.clock.measure(.compute) {
            for center in contributing {
                try rank.communicator.attend()
                addNoise(center)
            }
            sums.mask(masks, parts: parts)
        }
        try rank.communicate { ranks throws(MPIError) in try sums.reduce(ranks) }

        let arrived = try rank.gather(contributing)?.flatMap { $0 }
        let server = SecureServer(context, graph)
        let sharing = shares.map(\.center)
        let request = try rank.onRoot { try server.request(sharing: sharing, contributing: arrived ?? []) }
        let revealed = try rank.gather(
            contributing.filter { !faults.silent.contains($0) }.map { try secure($0).reveal(request) })
        try rank.onRoot {
            let streams = try server.streams(
                request, keys: keys, sharing: sharing, revealed: revealed?.flatMap { $0 } ?? [])
            sums.mask(streams.map(\.opposite), parts: parts)
        }
    }

    /// All centers' messages, on all ranks.
    private func share<Message: Codable>(_ own: [Message]) throws -> [Message] {
        try rank.broadcast(try rank.gather(own)?.flatMap { $0 } ?? [])
    }

    private func identity(of center: Int) throws -> CenterIdentity {
        if let known = identities[center] { return known }
        let identity = try makeIdentity(center)
        identities[center] = identity
        return identity
    }

    // MARK: Before a run

    /// Refuses a run whose centers are to mask what they contribute, and cannot.
    /// - Parameters:
    ///   - isDistributed: whether a part of the centers' states may be elsewhere than they are.
    ///   - first: the first round that is still to come.
    ///   - sampling: what samples follow from, where centers are hidden.
    static func check(
        _ configuration: Configuration, _ participants: [Participant], _ method: any FederatedMethod,
        isDistributed: Bool, from first: Int, sampling: UInt64?
    ) throws(FederationError) {
        try checkReports(configuration, participants, method, isDistributed: isDistributed)
        guard configuration.masksSomething(method) else { return }
        func failure(_ reason: String, _ remedy: String) -> FederationError {
            .usage("train with", "privacy.secure_aggregation", reason, remedy)
        }
        if isDistributed, method.remotePart != nil, !configuration.privacy.allowsFeatures {
            throw failure(
                "the server would compute with the centers' features (crl.placement is root), which say more than weights",
                "set crl.placement=client, or privacy.allow_features=true if the server may see them")
        }
        for cohort in participants.flatMap(\.cohorts) {
            guard let key = cohort.publicKey else {
                throw failure(
                    "center \(cohort.center) has no public key in \(cohort.folder)/\(Cohort.fileName)",
                    "make the centers' keys with `fedcrld keys FOLDER`")
            }
            guard CenterIdentity.isPublicKey(key) else {
                throw failure(
                    "the public key of center \(cohort.center) in \(cohort.folder)/\(Cohort.fileName) is none of Ed25519",
                    "put it back, or make new ones with `fedcrld keys FOLDER --renew`")
            }
        }
        // Without simulated faults all rounds are alike.
        let mayFail = configuration.dropout > 0 || configuration.stragglers > 0 || sampling != nil
        for round in stride(from: first, through: mayFail ? configuration.rounds : first, by: 1) {
            let plan = RoundPlan(round: round, volumes: participants.map(\.volumes), configuration, sampling: sampling)
            let faults = SecureFaults(plan, dropout: configuration.dropout, seed: configuration.seed)
            if let reason = faults.refusal(SharingGraph(faults.chosen, seed: configuration.seed, round: round)) {
                throw failure(
                    "round \(round) would be refused: \(reason)",
                    "have more centers, raise participation, or lower dropout and stragglers")
            }
        }
    }

    /// Refuses a run whose reports are to be added up, and would tell of each center all the same.
    private static func checkReports(
        _ configuration: Configuration, _ participants: [Participant], _ method: any FederatedMethod,
        isDistributed: Bool
    ) throws(FederationError) {
        guard configuration.addsUpReports else { return }
        func failure(_ reason: String, _ remedy: String) -> FederationError {
            .usage("train with", "privacy.report=aggregate", reason, remedy)
        }
        let name = configuration.method.rawValue
        guard !participants.contains(where: \.isPooled) else {
            throw failure("\(name) pools the centers' images, so there is nothing to hide", "leave it off")
        }
        guard participants.count >= SecureServer.fewestSurvivors else {
            throw failure(
                "the number of centers is \(participants.count), and a sum of fewer than "
                    + "\(SecureServer.fewestSurvivors) tells too much of each", "have more centers, or leave it off")
        }
        if isDistributed, method.remotePart != nil, !configuration.privacy.allowsFeatures {
            throw failure(
                "the server would compute a part of each center's losses (crl.placement is root)",
                "set crl.placement=client, or privacy.allow_features=true if the server may see them")
        }
    }
}
