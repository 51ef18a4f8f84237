import CardiacMR
import FederatedLearning
import Methods

extension Configuration {
    /// Every key, in the order of `config.yaml`. Parsing, `--set`, validation, resuming, output and help read this.
    static let keys: [ConfigurationKey] =
        runKeys + withDeclaredKeys(networkKeys) + privacyKeys + dataKeys + augmentationKeys + checkpointKeys

    /// The keys of a run of some method: those of the other methods are left out.
    static func keys(of method: Method) -> [ConfigurationKey] {
        keys.filter { $0.method == nil || $0.method == method.rawValue }
    }

    /// Some keys with those that methods declare: each with its group, where there is one, and else behind.
    private static func withDeclaredKeys(_ keys: [ConfigurationKey]) -> [ConfigurationKey] {
        MethodRegistry.all.reduce(into: keys) { keys, method in
            for setting in method.about.settings {
                let key = ConfigurationKey(setting, of: method.about.name)
                let place = keys.lastIndex { $0.group != nil && $0.group == key.group }
                keys.insert(key, at: place.map { $0 + 1 } ?? keys.endIndex)
            }
        }
    }

    private static let runKeys: [ConfigurationKey] = [
        .init("preset", \.preset, .choice, "The preset that gives every key its value unless it is set."),
        .init("data", \.data, .path, onResume: .free, "The folder of cohorts, one per center. --data sets it."),
        .init("method", \.method, .choice, "How the centers learn together."),
        .init(
            "rounds", \.rounds, .whole(1...1_000_000), onResume: .freeUnlessCounted, "Federated rounds in all."),
        .init("local_epochs", \.localEpochs, .whole(1...10_000), "Passes over a center's training volumes per round."),
        .init(
            "learning_rate", \.learningRate, .number(0...1, excludingLowest: true),
            "The rate of the centers' optimizers."),
        .init(
            "schedule", \.rateCourse, .choice,
            "What the rate follows during the run: constant, polynomial (nnU-Net's (1 - t)^0.9) or cosine, to 0 at the end. "
                + "But for constant, rounds stays as it is when the run is resumed."),
        .init(
            "warmup_rounds", \.warmupRounds, .whole(0...1_000_000),
            "Rounds at the beginning in which the rate rises from 0, step by step."),
        .init(
            "optimizer", \.optimizer, .choice,
            "What trains the centers' parameters: method: what the method was published with (Adam, unless it says "
                + "otherwise), adam or sgd. Gradient descent wants a larger learning_rate."),
        .init(
            "participation", \.participation, .number(0...1, excludingLowest: true),
            "The fraction of the centers that takes part in a round; at least one does."),
        .init(
            "dropout", \.dropout, .probability,
            "How likely a chosen center misses a round, to see how a run bears it; one stays, and the others' weights add up "
                + "to 1."),
        .init(
            "stragglers", \.stragglers, .probability,
            "How likely a center that takes part is too late: it trains, but the server averages without it; one is in time."
        ),
        .init("seed", \.seed, .whole(0...UInt64.max), "All that is random follows from it."),
        .init(
            "evaluate_every", \.evaluateEvery, .whole(0...1_000_000), onResume: .free,
            "Dice after every so many rounds, of the cases of evaluate_split; 0: only at the end, of the test cases."),
        .init(
            "evaluate_split", \.evaluateSplit, .choice, onResume: .free,
            "Cases that are evaluated during a run: validation, by which the best checkpoint is chosen, or test, by which "
                + "nothing is. Where no center has validation cases it is test."),
        .init(
            "patience", \.patience, .whole(0...1_000_000), onResume: .free,
            "Rounds without a better validation Dice after which the run ends, at an evaluation; 0: it goes on."),
        .init(
            "evaluate_absent", \.evaluateAbsent, .choice, onResume: .free,
            "Dice of a class that a case has neither in truth nor in the prediction: left_out of all means, or one."),
        .init(
            "threads", \.threads, .whole(0...4096), onResume: .free,
            "Compute threads of a rank; 0: the cores available to the rank. Results do not depend on it."),
        .init(
            "resident_centers", \.residentCenters, .whole(1...1_000_000), onResume: .free,
            "The most centers that a rank holds in memory; the others rest on disk. Results do not depend on it."),
        .init(
            "balance", \.balance, .truth, onResume: .free,
            "Whether centers move between ranks so that a round's work is spread evenly, by measured step times; every rank "
                + "must be able to read their images then. Results do not depend on it."),
        .init(
            "access", \.access, .choice, onResume: .free,
            "Who may read the files that a run makes, caches and reports with their images included: owner, group, or umask: "
                + "whoever the umask lets."),
        .init(
            "discreet", \.discreet, .truth, onResume: .free,
            "Whether messages and warnings call cases by their numbers in cohort.json instead of subjects and paths."),
    ]

    private static let networkKeys: [ConfigurationKey] = [
        .init(
            "width", \.width, .whole(4...1024, multipleOf: 4),
            "Base width of the networks: channels of the first block. Parameters and time grow with its square."),
        .init(
            "size", \.size, .volumeSize,
            "Volumes are cropped or padded to this around their center; without a depth they keep their slices."),
        .init(
            "history_depth", \.historyDepth, .whole(1...1000),
            "Round ends that a center's history keeps, to inspect and to roll back to, where the method has one."),
        .init("loss.dice", \.loss.dice, .number(0...1000), "Weight of the Dice loss."),
        .init(
            "loss.dice_background", \.loss.diceClasses.background, .truth,
            "Whether the background is one of the classes that the Dice loss is the mean over."),
        .init(
            "loss.dice_absent", \.loss.diceClasses.absent, .truth,
            "Whether classes are that a volume's labels do not have; false: they are left to the cross-entropy."),
        .init("loss.cross_entropy", \.loss.crossEntropy, .number(0...1000), "Weight of the cross-entropy."),
        .init(
            "aggregation.weights", \.weighting, .choice,
            "How much a center counts: uniform, all the same, or by its number of training volumes."),
    ]

    private static let privacyKeys: [ConfigurationKey] = [
        .init(
            "privacy.secure_aggregation", \.privacy.secureAggregation, .truth, onResume: .free,
            "Whether centers mask what they contribute, so that the server learns the sum alone; wants keys (`fedcrld keys`). "
                + "Results do not depend on it."),
        .init(
            "privacy.allow_features", \.privacy.allowsFeatures, .truth, onResume: .free,
            "Whether the server may compute with centers' features (crl.placement=root on several ranks) though their "
                + "contributions are masked."),
        .init(
            "privacy.report", \.privacy.report, .choice, onResume: .free,
            "What the server learns of losses, Dice and times: centers: those of each center; aggregate: sums over the centers "
                + "alone, masked where contributions are."),
        .init(
            "privacy.dp.enabled", \.privacy.differential.isEnabled, .truth,
            "Whether what the server learns hides each center: changes are clipped, the sum gets noise, and each center takes "
                + "part in a round by chance, with participation as its probability."),
        .init(
            "privacy.dp.clip", \.privacy.differential.clip, .number(0...1e6, excludingLowest: true),
            "The L2 norm that a center's change of all that is exchanged is clipped to."),
        .init(
            "privacy.dp.clip_quantile", \.privacy.differential.clipQuantile, .number(0...1),
            "The part of the centers' changes that is to be within privacy.dp.clip, which is then the bound of the first round "
                + "and follows, by a count with noise of its own; 0: the bound stays."),
        .init(
            "privacy.dp.clip_rate", \.privacy.differential.clipRate, .number(0...10, excludingLowest: true),
            "How fast the bound follows privacy.dp.clip_quantile: it changes by at most about e to this power a round."),
        .init(
            "privacy.dp.noise_multiplier", \.privacy.differential.noiseMultiplier,
            .number(0...1e6, excludingLowest: true),
            "The noise's standard deviation over privacy.dp.clip, in the sum of the changes; `fedcrld privacy` plans it."
        ),
        .init(
            "privacy.dp.delta", \.privacy.differential.delta, .number(0...0.5, excludingLowest: true), onResume: .free,
            "The δ that ε is told at; well below one over the number of centers."),
        .init(
            "privacy.dp.epsilon", \.privacy.differential.epsilon, .number(0...1e6), onResume: .free,
            "The privacy budget: a run ends in good order before the round that would pass it; 0: none."),
        .init(
            "privacy.dp.insecure_seed", \.privacy.differential.insecureSeed, .whole(0...UInt64.max),
            "For tests alone: noise and samples follow from it, so that two runs have the same bits, and protect nobody; 0: from "
                + "the system's generator."),
    ]

    private static let dataKeys: [ConfigurationKey] = [
        .init(
            "cohorts.leave_out", \.cohorts.leftOut, .names,
            "Centers that do not take part, to see what a federation is worth to a center that it has never met."),
        .init(
            "cohorts.folds", \.cohorts.folds, .whole(0...100),
            "Parts that each center's subjects are dealt to for cross-validation; 0: the splits of cohort.json."),
        .init(
            "cohorts.fold", \.cohorts.fold, .whole(1...100),
            "The part that is tested on, of cohorts.folds; the next one is validated on."),
        .init(
            "preprocessing.orientation", \.preprocessing.settings.orientation, .choice,
            "Which way round slices are seen: canonical, columns to the patient's left and rows down, where an image's header "
                + "tells, or as stored. Segmentations are always as their image is stored."),
        .init(
            "preprocessing.spacing", \.preprocessing.spacing, .number(0...PreprocessingSettings.spacings.upperBound),
            "Pixel size in mm that volumes are resampled to, in the plane; 0: not resampled."),
        .init(
            "preprocessing.clip_percentile", \.preprocessing.clipPercentile,
            .number(PreprocessingSettings.clipPercentiles),
            "Intensities above this percentile of the volume are clipped; 100: none."),
        .init(
            "preprocessing.normalize", \.preprocessing.settings.normalizes, .truth,
            "Whether a volume's intensities are brought to mean 0 and standard deviation 1."),
        .init(
            "preprocessing.cache", \.preprocessing.cache, .path, onResume: .free,
            "A folder that keeps prepared training volumes, one HDF5 file per center; null: none. It holds images: keep it "
                + "where these may be."),
        .init(
            "prediction.mirrors", \.prediction.mirrors, .truth, onResume: .free,
            "Whether an image is segmented by the mean over itself and its mirror images in the plane: four times the work."
        ),
        .init(
            "prediction.largest_component", \.prediction.largestComponent, .choice, onResume: .free,
            "What is kept of a segmentation: all (none), the largest connected part of the foreground, or of each class, or "
                + "of each class in that of the foreground (both)."
        ),
    ]

    private static let augmentationKeys: [ConfigurationKey] =
        [
            .init(
                "augmentation.enabled", \.augmentation.enabled, .truth,
                "Whether training volumes are changed at random; false switches all of the following off."),
            .init(
                "augmentation.mirror.probability", \.augmentation.settings.mirrorProbability, .probability,
                "Probability of mirroring, for each axis in the plane."),
        ]
        + AugmentationSettings.transforms.flatMap { transform in
            let group = "augmentation.\(transform.name)"
            let keys: [ConfigurationKey] = [
                .init(
                    "\(group).probability", in: \.augmentation.settings[transform.name], \.probability, .probability,
                    "Probability of \(transform.title)."),
                .init(
                    "\(group).range", in: \.augmentation.settings[transform.name], \.range,
                    .interval(transform.bounds), "\(transform.strength), drawn from this range."),
            ]
            guard transform.name == "elastic" else { return keys }
            return keys + [
                .init(
                    "\(group).smoothing", \.augmentation.settings.elasticSmoothing,
                    .interval(AugmentationSettings.smoothingBounds),
                    "Width in pixels of the Gaussian that smooths the displacements.")
            ]
        }

    private static let checkpointKeys: [ConfigurationKey] = [
        .init(
            "checkpoint.every", \.checkpoint.every, .whole(1...1_000_000), onResume: .free,
            "A checkpoint after every so many rounds, and after the last."),
        .init(
            "checkpoint.keep", \.checkpoint.keep, .whole(1...1_000_000), onResume: .free,
            "The newest checkpoints that stay."),
        .init(
            "checkpoint.keep_every", \.checkpoint.keepEvery, .whole(0...1_000_000), onResume: .free,
            "Checkpoints of every so many rounds stay for good; 0: none."),
    ]
}
