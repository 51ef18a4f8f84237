import CardiacMR
import FederatedLearning
import Foundation
import MPI
import Tensors

/// Looks, on all ranks, at all that a run depends on before it is started: ranks and cores, libraries, the file system,
/// the data and the memory.
package struct Preflight {
    private let rank: RankContext
    private let libraryVersion: String

    /// - Parameter libraryVersion: the MPI library's.
    package init(_ rank: RankContext, libraryVersion: String) {
        self.rank = rank
        self.libraryVersion = libraryVersion
    }

    /// Looks at a run as it is asked for. On all ranks.
    /// - Returns: on the root what was found; nil elsewhere.
    /// - Throws: on all ranks where the configuration or the list of centers is wrong.
    package func run(_ request: RunRequest, tryingStep: Bool) throws -> PreflightReport? {
        let configuration = try configuration(request)
        configuration.access.apply()
        try ComputeThreads.configure(configuration.threads, rank)
        let cohorts = try configuration.loadCohorts()
        let participants = Participant.all(cohorts, of: configuration.method)
        let volumes = participants.map(\.volumes)
        let assignment = CenterAssignment(volumes: volumes, ranks: rank.size)
        var facts = RankFacts(rank)
        let base = RankFacts.residentBytes
        let hosted = assignment.centers(of: rank.rank)
        facts.centers = hosted.count
        facts.volumes = hosted.reduce(0) { $0 + volumes[$1] }
        let deepest = look(at: hosted.map { participants[$0] }, &facts)
        var trial: TrialStep?
        if tryingStep, facts.problems.isEmpty, let deepest {
            do { trial = try TrialStep(configuration, deepest) } catch {
                facts.problems.append(FederationError(describing: error).description)
            }
        }
        facts.stepSeconds = trial?.seconds
        facts.stepVolume = trial?.extent ?? ""
        let methods = try configuration.methods(of: participants)
        if let method = methods.values.first, configuration.masksSomething(method) {
            for cohort in hosted.flatMap({ participants[$0].cohorts }) {
                do { _ = try CenterKeys.identity(of: cohort) } catch { facts.problems.append(error.description) }
            }
        }
        let need = MemoryEstimate(
            configuration, methods: Array(methods.values), ranks: rank.size, isRoot: rank.isRoot,
            centers: hosted.count,
            largestCenter: hosted.map { volumes[$0] }.max() ?? 0, trial: trial)
        facts.neededMebibytes = (base + need.bytes) >> 20
        if let scratch = request.options.scratch {
            do { _ = try FileSystemProbe(scratch, bytes: 1 << 20) } catch { facts.scratchProblem = error.description }
        }
        guard let all = try rank.gather(facts) else { return nil }
        let folder = request.resume ?? request.out ?? "."
        let probe = Result { () throws(FederationError) in try FileSystemProbe(folder) }
        return PreflightReport(
            ranks: all, libraryVersion: libraryVersion, configuration: configuration, volumes: volumes,
            methods: participants.compactMap { methods[$0.name] },
            privacy: privacy(configuration, participants, methods),
            probe: probe, folder: folder)
    }

    /// What the run hides, or why it cannot; nil where it hides nothing.
    private func privacy(
        _ configuration: Configuration, _ participants: [Participant], _ methods: [String: any FederatedMethod]
    ) -> Result<String, FederationError>? {
        guard let method = methods.values.first else { return nil }
        let hidden = configuration.hidden(method, centers: participants.count)
        guard !hidden.isEmpty else { return nil }
        return Result { () throws(FederationError) in
            try ReleasedNoise.check(configuration, participants, method, isDistributed: rank.size > 1)
            try SecureRounds.check(
                configuration, participants, method, isDistributed: rank.size > 1, from: 1, sampling: nil)
            return hidden
        }
    }

    /// The configuration that the root resolves, on all ranks.
    private func configuration(_ request: RunRequest) throws -> Configuration {
        let text = try rank.onRoot {
            let configuration = try resolve(request)
            _ = try configuration.loadCohorts()
            return configuration.yaml
        }
        return try Configuration.parse(yaml: text, name: "the configuration")
    }

    private func resolve(_ request: RunRequest) throws(FederationError) -> Configuration {
        guard let resume = request.resume else {
            let configuration = try Configuration.resolve(
                preset: request.preset, file: request.file, settings: request.settings, data: request.data)
            guard configuration.data != nil else {
                throw FederationError.usage(
                    "check", "a run without data", "no cohorts are named",
                    "give --data, made by `fedcrld simulate` or `import`")
            }
            return configuration
        }
        var configuration = try RunAccess.configuration(of: RunFolder(resume)).applying(settings: request.settings)
        if let data = request.data { configuration.data = data }
        return configuration
    }

    /// A training case.
    struct TrainingCase {
        let participant: Participant
        let cohort: Cohort
        let item: Case
    }

    /// Reads all images and labels of some centers, as training does at its start. Returns the training case with most
    /// slices.
    private func look(at participants: [Participant], _ facts: inout RankFacts) -> TrainingCase? {
        var deepest: (depth: Int, found: TrainingCase)?
        for (participant, cohort) in participants.flatMap({ one in one.cohorts.map { (one, $0) } }) {
            for split in Split.allCases {
                for item in cohort.cases(in: split) {
                    do {
                        let volumes = try CaseVolumes(item, of: cohort)
                        facts.images += 2
                        facts.oddities += volumes.warnings
                        let depth = volumes.image.grid.size.z
                        if split == .train, depth > deepest?.depth ?? 0 {
                            deepest = (depth, TrainingCase(participant: participant, cohort: cohort, item: item))
                        }
                    } catch {
                        facts.problems.append("center \(cohort.center): \(error)")
                    }
                }
            }
        }
        return deepest?.found
    }
}
