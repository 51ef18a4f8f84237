import CardiacMR
import Files
import Foundation
import HDF5
import MPI

/// What a user asks of `fedcrld train`.
package struct RunRequest: Sendable {
    /// `--data`.
    package var data: String?
    /// `--out`: the folder of a new run.
    package var out: String?
    /// `--resume`: the folder of a run to continue.
    package var resume: String?
    /// `--preset`.
    package var preset: String?
    /// `--config`: a YAML file.
    package var file: String?
    /// `--set key=value`.
    package var settings: [String] = []
    /// What a new run is, in place of preset, file and settings; nil: as they say.
    package var configuration: Configuration?
    /// `--initial`: a checkpoint whose server model the run starts from.
    package var initial: String?
    /// `--accept-changed-data`: whether a run goes on although images or labels are not what they were.
    package var acceptsChangedData = false
    /// How it runs here.
    package var options = RunOptions()

    /// An empty request.
    package init() {}
}

/// How a run runs in this job; of no influence on its result.
package struct RunOptions: Sendable {
    /// `--max-hours`: a limit of time from ``start``.
    package var maxHours: Double?
    /// When it was asked for, in monotonic seconds: before MPI has started and a checkpoint has been checked.
    package let start = monotonicSeconds()
    /// `--scratch`: a folder, such as a node's own disk, for the states of centers that are not in memory.
    package var scratch: String?
    /// Whether it shows no progress and prints no tables.
    package var isQuiet = false
    /// Whether test cases are evaluated after the last round.
    package var evaluatesTest = true

    /// No limit, and the run's own folder.
    package init() {}
}

/// The start of a run on all ranks: the root reads the request, the configuration and the cohorts, checks them, and tells
/// the others. Where it fails, all ranks end in good order and the root says why.
package struct RunStart {
    private let rank: RankContext

    /// The start on this rank.
    package init(_ rank: RankContext) { self.rank = rank }

    /// What the root tells the others.
    private struct Decision: Codable {
        var configuration = ""
        var folder = ""
        var resumes = false
    }

    /// Prepares the run that is asked for.
    package func prepare(_ request: RunRequest) throws -> TrainingRun {
        var known: [Cohort]?
        var lease: RunLease?
        let decision = try rank.onRoot {
            let (decision, cohorts) = try decide(request, &lease)
            known = cohorts
            return decision
        }
        let configuration = try Configuration.parse(yaml: decision.configuration, name: "the run's configuration")
        configuration.access.apply()
        let folder = RunFolder(decision.folder)
        try ComputeThreads.configure(configuration.threads, rank)
        let cohorts = try known ?? configuration.loadCohorts()
        if configuration.discreet { Messages.conceal(cohorts) }
        let checkpoint =
            decision.resumes
            ? try CheckpointReader(rank, folder: folder).newest(report: Messages.warn)
            : nil
        if let checkpoint { try rank.onRoot { try Self.check(checkpoint, configuration, cohorts) } }
        let participants = Participant.all(cohorts, of: configuration.method)
        guard let method = try configuration.methods(of: participants).values.first else {
            preconditionFailure("a federation has centers")
        }
        let privacy = configuration.hidesSomething(method) ? try rank.onRoot { try record(checkpoint, folder) } : nil
        try rank.onRoot {
            try SecureRounds.check(
                configuration, participants, method, isDistributed: rank.size > 1,
                from: (checkpoint?.round ?? 0) + 1, sampling: privacy?.sampling(configuration))
        }
        let dataFiles = try DataCheck(rank, folder).run(
            cohorts, checkpoint: checkpoint, acceptingChanges: request.acceptsChangedData,
            needsKeys: configuration.masksSomething(method))
        // Nothing is changed on disk before it is known that the run goes on, and nobody writes before the rest is gone.
        if let checkpoint {
            try rank.onRoot {
                try CheckpointRetention(folder, configuration).discard(after: checkpoint, warn: Messages.warn)
            }
        }
        let run = try TrainingRun(
            rank: rank, configuration: configuration, folder: folder, cohorts: cohorts, checkpoint: checkpoint,
            initial: request.initial, options: request.options, lease: lease, dataFiles: dataFiles,
            privacy: privacy)
        try rank.onRoot {
            try privacy?.write(to: folder)
            try DurableFile.write(configuration.yaml.utf8, to: folder.configuration)
        }
        // What reading cohorts and images has left.
        UnusedMemory.giveBack()
        return run
    }

    // MARK: On the root

    private func decide(_ request: RunRequest, _ lease: inout RunLease?) throws -> (Decision, [Cohort]) {
        var decision = Decision()
        var configuration: Configuration
        if let resume = request.resume {
            configuration = try resumed(resume, request, &lease)
            decision.folder = resume
            decision.resumes = true
        } else {
            configuration =
                try request.configuration
                ?? Configuration.resolve(
                    preset: request.preset, file: request.file, settings: request.settings, data: request.data)
            decision.folder = try newFolder(request)
        }
        configuration.makePathsAbsolute()
        guard let data = configuration.data else {
            throw FederationError.usage(
                "train", "without data", "no cohorts are named", "give --data, made by `fedcrld simulate`")
        }
        guard FileManager.default.fileExists(atPath: data) else {
            throw FederationError.usage(
                "train on", data, "there is no such folder",
                "say with --data where the cohorts are, or make some with `fedcrld simulate` or `fedcrld import`")
        }
        configuration.access.apply()
        let cohorts = try configuration.loadCohorts()
        let participants = Participant.all(cohorts, of: configuration.method)
        tell(of: participants, in: data, configuration)
        try check(configuration, cohorts, in: data)
        do {
            _ = try Preprocessing(configuration.preprocessing.settings)
            _ = try Augmentation(configuration.augmentation.settings)
        } catch { throw FederationError(describing: error, kind: .configuration) }
        let methods = try configuration.methods(of: participants)
        if let method = methods.values.first {
            try ReleasedNoise.check(configuration, participants, method, isDistributed: rank.size > 1)
        }
        if !decision.resumes {
            let folder = RunFolder(decision.folder)
            try DurableFile.makeFolder(folder.checkpoints)
            try DurableFile.makeFolder(folder.banks)
            lease = try RunLease(folder)
        }
        decision.configuration = configuration.yaml
        return (decision, cohorts)
    }

    /// Refuses a patience that nothing can be told by, and says where no checkpoint can be chosen.
    private func check(_ configuration: Configuration, _ cohorts: [Cohort], in data: String) throws {
        let hasValidation = Configuration.hasValidation(cohorts)
        if configuration.patience > 0 {
            let why =
                configuration.evaluateEvery == 0
                ? "evaluate_every is 0"
                : configuration.evaluateSplit == .test
                    ? "evaluate_split is test" : hasValidation ? nil : "no center has validation cases in \(data)"
            if let why {
                throw FederationError.usage(
                    "train with", "patience=\(configuration.patience)",
                    "it is measured on validation cases, and \(why)",
                    "set patience=0, or see that there are evaluations")
            }
        }
        if !hasValidation, configuration.evaluateEvery > 0, configuration.evaluateSplit == .validation {
            Messages.warn(
                "no center has validation cases: what is shown during the run is test Dice, and no best checkpoint is "
                    + "chosen")
        }
    }

    /// What a run that hides something has released so far.
    private func record(_ checkpoint: Manifest?, _ folder: RunFolder) throws(FederationError) -> PrivacyRecord {
        let known = try PrivacyRecord.read(folder)
        if let told = checkpoint?.privacy, (known?.releases ?? 0) < told.releases {
            throw FederationError(
                attempted: "resume with", subject: folder.privacy,
                reason: "it says \(known?.releases ?? 0) releases, and the checkpoint \(told.releases)",
                remedy: "put the file back as it was; without it nobody knows what the run has told")
        }
        return known ?? PrivacyRecord()
    }

    /// Says what is unusual about who trains.
    private func tell(of participants: [Participant], in data: String, _ configuration: Configuration) {
        let (method, count) = (configuration.method.rawValue, participants.count)
        if let pooled = participants.first, Participant.members(of: participants) != nil {
            Messages.warn(
                "\(method) pools the data: one rank reads the images of all \(pooled.cohorts.count) centers and trains "
                    + "one network on them; nothing is federated")
        }
        guard rank.size > count + 1 else { return }
        let spare = rank.size - count - 1
        let why =
            Participant.members(of: participants) != nil
            ? "\(method) trains one network" : "\(data) has \(count) center\(count == 1 ? "" : "s")"
        Messages.warn(
            "\(spare) of \(rank.size) ranks \(spare == 1 ? "has" : "have") nothing to do, because \(why): "
                + "\(count + 1) ranks are enough, a server and one for each \(count == 1 ? "network" : "center")")
    }

    private func resumed(
        _ path: String, _ request: RunRequest, _ lease: inout RunLease?
    ) throws -> Configuration {
        for (option, value) in [
            ("--out", request.out), ("--preset", request.preset), ("--config", request.file),
            ("--initial", request.initial),
        ] where value != nil {
            throw FederationError.usage(
                "resume with", option, "a resumed run has its folder and its configuration",
                "leave it out; --set changes what may change")
        }
        let old = try RunAccess.configuration(of: RunFolder(path), attempted: "resume")
        lease = try RunLease(RunFolder(path))
        try DurableFile.undoReplacements(in: RunFolder(path).checkpoints)
        var new = try old.applying(settings: request.settings)
        if let data = request.data { new.data = data }
        _ = try new.changes(resuming: old)
        return new
    }

    private func newFolder(_ request: RunRequest) throws -> String {
        guard let out = request.out else {
            throw FederationError.usage(
                "train", "without a folder", "--out is missing", "give --out, or --resume to continue a run")
        }
        let folder = RunFolder(out)
        guard folder.positions.isEmpty else {
            throw FederationError.usage(
                "start a run in", out, "it already holds one",
                "continue it with --resume \(out), or choose another folder")
        }
        guard !FileManager.default.fileExists(atPath: folder.configuration) else {
            throw FederationError.usage(
                "start a run in", out, "it holds one that has no checkpoint yet",
                "remove the folder if no job is running in it, or choose another")
        }
        return out
    }

    /// The checkpoint is of this configuration and has every center of the data.
    private static func check(
        _ manifest: Manifest, _ configuration: Configuration, _ cohorts: [Cohort]
    ) throws(FederationError) {
        // Another version of the program may have other keys; of the same one, the file itself was changed.
        guard manifest.program != Program.name || manifest.configuration == configuration.fingerprint else {
            throw FederationError(
                attempted: "resume from", subject: manifest.position.description,
                reason: "config.yaml is not what it was then, and the run would not continue as it began",
                remedy: "put the file back as it was, or start a new run from this one's checkpoint with --initial")
        }
        let known = manifest.centers
        for cohort in cohorts where !known.contains(cohort.center) {
            throw FederationError(
                attempted: "resume from", subject: manifest.position.description,
                reason: "the data has center \(cohort.center), which the checkpoint does not have",
                remedy: "resume with the data that the run was started with")
        }
        for center in known where !cohorts.contains(where: { $0.center == center }) {
            throw FederationError(
                attempted: "resume from", subject: manifest.position.description,
                reason: "the checkpoint has center \(center), which the data does not have",
                remedy: "resume with the data that the run was started with")
        }
    }
}
