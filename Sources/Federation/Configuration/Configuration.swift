import CardiacMR
import FederatedLearning
import Files
import Methods
import Tensors

/// Everything that decides what a run does: one field per key of the YAML file.
///
/// A configuration is resolved from a preset, a file and `--set key=value`, each overriding the one before
/// (`Configuration.resolve`). The table in `Configuration+Keys.swift` gives each field its key, what it accepts and
/// what it means; parsing, validation, the resolved `config.yaml`, the help text and the documentation all come from that
/// table. The defaults here are the paper's values.
package struct Configuration: Sendable, Equatable {
    // MARK: The run

    /// The folder of cohorts to train on; nil until `--data` or the file names it.
    package var data: String?
    /// The preset that the other values began as.
    package var preset = Preset.paper
    /// How the centers learn together.
    package var method = Method.standard
    /// Federated rounds in all.
    package var rounds = 400
    /// Passes over a center's training volumes per round.
    package var localEpochs = 5
    /// The rate of the centers' optimizers.
    package var learningRate = 1e-4
    /// What the rate follows during the run.
    package var rateCourse = RateSchedule.Course.constant
    /// Rounds at the beginning in which the rate rises.
    package var warmupRounds = 0
    /// What trains the centers' parameters.
    package var optimizer = Optimizer.standard
    /// What all random numbers follow from.
    package var seed: UInt64 = 1
    /// The fraction of the centers that takes part in a round, in (0, 1].
    package var participation = 1.0
    /// How likely it is that a chosen center misses a round: a simulated fault.
    package var dropout = 0.0
    /// How likely it is that a center's update comes too late for a round's average: a simulated fault.
    package var stragglers = 0.0
    /// Evaluation after every so many rounds; 0: only at the end.
    package var evaluateEvery = 10
    /// The cases that are evaluated then.
    package var evaluateSplit = EvaluationSplit.validation
    /// Rounds without a better validation Dice after which a run ends; 0: never.
    package var patience = 0
    /// How images are segmented.
    package var prediction = Prediction()
    /// How absent classes count.
    package var evaluateAbsent = AbsentClass.leftOut
    /// Compute threads of a rank; 0: the cores that the rank may use.
    package var threads = 0
    /// The most centers whose state a rank holds in memory at a time.
    package var residentCenters = 4
    /// Whether centers move between ranks to spread a round's work.
    package var balance = false
    /// Who may read what the run writes.
    package var access = FileAccess.owner
    /// Whether messages name cases by numbers.
    package var discreet = false

    // MARK: The method

    /// Channels of the first block, a multiple of 4: the networks' base width `w` in the paper.
    package var width = 32
    /// The size that volumes are cropped or padded to.
    package var size: VolumeSize {
        get {
            let settings = preprocessing.settings
            return VolumeSize(depth: settings.depth, height: settings.height ?? 200, width: settings.width ?? 200)
        }
        set {
            (preprocessing.settings.depth, preprocessing.settings.height) = (newValue.depth, newValue.height)
            preprocessing.settings.width = newValue.width
        }
    }
    /// Round ends that a center's history remembers.
    package var historyDepth = 5
    /// The weights of the loss's terms.
    package var loss = LossWeights()
    /// How much a center counts in the server's average.
    package var weighting = Weighting.uniform
    /// What methods declare.
    package var methodSettings = Settings()

    // MARK: Privacy

    /// What the server may learn.
    package var privacy = Privacy()

    // MARK: Data and checkpoints

    /// Which centers and subjects a run has, of those in the data.
    package var cohorts = CohortChoice()

    /// From a stored volume to the network's input.
    package var preprocessing = Preprocessing()
    /// Random changes of training volumes.
    package var augmentation = Augmentation()
    /// Which rounds are written and which stay.
    package var checkpoint = CheckpointPolicy()

    /// A configuration of the paper's values.
    package init() {}
}

extension Configuration {
    /// How the learning rate changes during the run.
    package var schedule: RateSchedule { RateSchedule(rateCourse, warmupRounds: warmupRounds, rounds: rounds) }

    /// One of the registry's methods.
    package struct Method: RawRepresentable, CaseIterable, Sendable, Equatable {
        /// Its name.
        package let rawValue: String
        /// What trains the centers.
        package let type: any FederatedMethod.Type

        /// The method of a name; nil where there is none.
        package init?(rawValue: String) {
            guard let type = MethodRegistry.method(named: rawValue) else { return nil }
            self.rawValue = rawValue
            self.type = type
        }

        private init(_ type: any FederatedMethod.Type) {
            rawValue = type.about.name
            self.type = type
        }

        /// All of the registry's.
        package static var allCases: [Method] { MethodRegistry.all.map { Method($0) } }
        /// The registry's first.
        package static var standard: Method { Method(MethodRegistry.all[0]) }

        package static func == (first: Method, second: Method) -> Bool { first.rawValue == second.rawValue }
    }

    /// The size that every volume is cropped or padded to, in voxels.
    package struct VolumeSize: Sendable, Equatable {
        /// Slices; nil keeps as many as each volume has.
        package var depth: Int?
        /// Rows.
        package var height: Int
        /// Columns.
        package var width: Int

        /// A size in voxels.
        package init(depth: Int? = nil, height: Int, width: Int) {
            self.depth = depth
            self.height = height
            self.width = width
        }
    }

    /// The weights of the terms of one step's loss that all methods have.
    package struct LossWeights: Sendable, Equatable {
        /// Dice.
        package var dice = 1.0
        /// Cross-entropy.
        package var crossEntropy = 1.0
        /// The classes that the Dice loss is the mean over.
        package var diceClasses = DiceClasses()

        /// The paper's values.
        package init() {}
    }

    /// The cases that are evaluated while a run goes on.
    package enum EvaluationSplit: String, Sendable, CaseIterable {
        /// Those that choices are made by: of the best checkpoint, of settings.
        case validation
        /// Those that a result is measured by: nothing is chosen then.
        case test

        /// The cohorts' split.
        package var split: Split { self == .validation ? .validation : .test }
    }

    /// From probabilities to a segmentation. Training does not depend on it.
    package struct Prediction: Sendable, Equatable {
        /// Whether probabilities are means over the image and its mirror images in the plane.
        package var mirrors = false
        /// What is kept of the segmentation.
        package var largestComponent = LargestComponent.none

        /// The defaults above.
        package init() {}
    }

    /// How a class counts in a mean Dice that a case has neither in truth nor in the prediction.
    package enum AbsentClass: String, Sendable, CaseIterable {
        /// Not at all: it says nothing.
        case leftOut = "left_out"
        /// As 1, as EMIDEC's rules have it.
        case one
    }

    /// How much a center counts.
    package enum Weighting: String, Sendable, CaseIterable {
        /// Every center counts the same, as in the paper.
        case uniform
        /// A center counts by its number of training volumes.
        case volumes
    }

    /// What the server may learn of the centers.
    package struct Privacy: Sendable, Equatable {
        /// Whether the server learns the sum of a round's contributions alone.
        package var secureAggregation = false
        /// Whether it may compute with centers' features all the same.
        package var allowsFeatures = false
        /// What it learns of losses and scores.
        package var report = Report.centers
        /// Noise that hides whether a center takes part at all.
        package var differential = DifferentialPrivacy()

        /// The server sees all contributions.
        package init() {}
    }

    /// What the server learns of centers' losses, scores and times.
    package enum Report: String, Sendable, CaseIterable {
        /// Those of each center.
        case centers
        /// Sums over the centers alone, and no times.
        case aggregate
    }

    /// Differential privacy of centers: what is released says little of whether any one of them takes part.
    package struct DifferentialPrivacy: Sendable, Equatable {
        /// Whether contributions are bounded and the sum has noise.
        package var isEnabled = false
        /// The largest norm of a center's change of the model.
        package var clip = 1.0
        /// The part of the centers' changes that is to be within the bound, which follows it; 0: the bound stays.
        package var clipQuantile = 0.0
        /// How fast it follows.
        package var clipRate = 0.2
        /// The noise's standard deviation over ``clip``.
        package var noiseMultiplier = 1.0
        /// The δ that ε is told at.
        package var delta = 1e-5
        /// The ε at which a run ends; 0: none.
        package var epsilon = 0.0
        /// What noise and samples follow from, for tests; 0: the system's generator.
        package var insecureSeed: UInt64 = 0

        /// Off.
        package init() {}
    }

    /// Which rounds are written and which stay on disk.
    package struct CheckpointPolicy: Sendable, Equatable {
        /// A checkpoint after every so many rounds (and always after the last).
        package var every = 1
        /// The newest checkpoints that stay.
        package var keep = 2
        /// Every so many rounds' checkpoint stays for good; 0: none does.
        package var keepEvery = 0

        /// The paper's values.
        package init() {}
    }
}

extension Configuration {
    /// The value of a setting that a method declares.
    package subscript<Value>(setting: Setting<Value>) -> Value {
        get { methodSettings[setting] }
        set { methodSettings[setting] = newValue }
    }
}
