import CardiacMR

extension Configuration {
    /// The cases of some cohorts that are evaluated during a run, and whether the best checkpoint is chosen by them.
    func evaluation(of cohorts: [Cohort]) -> (split: Split, selects: Bool) {
        let split: Split = Self.hasValidation(cohorts) ? evaluateSplit.split : .test
        return (split, split == .validation && evaluateEvery > 0)
    }

    /// Whether a center has validation cases.
    static func hasValidation(_ cohorts: [Cohort]) -> Bool { cohorts.contains { !$0.cases(in: .validation).isEmpty } }

    /// From a stored volume to the network's input. Every step can be switched off.
    package struct Preprocessing: Sendable, Equatable {
        /// How, the size included, which is a key of its own.
        package var settings = PreprocessingSettings()
        /// Pixel size in the plane that volumes are resampled to, in mm; 0: not resampled.
        package var spacing: Double {
            get { settings.spacing ?? 0 }
            set { settings.spacing = newValue > 0 ? newValue : nil }
        }
        /// The percentile of a volume's intensities above which they are clipped; 100: not clipped.
        package var clipPercentile: Double {
            get { settings.clipPercentile ?? 100 }
            set { settings.clipPercentile = newValue < 100 ? newValue : nil }
        }
        /// A folder where prepared training volumes are kept; nil: they are prepared anew by every process.
        package var cache: String?

        /// The defaults above.
        package init() {}
    }

    /// Random changes of the training volumes.
    package struct Augmentation: Sendable, Equatable {
        /// Whether anything is changed at all.
        package var enabled = true
        /// How often and how far.
        package var settings = AugmentationSettings()

        /// The defaults above.
        package init() {}
    }
}
