extension Configuration {
    /// A named starting point.
    package enum Preset: String, Sendable, CaseIterable {
        /// Minutes on a laptop: to see a whole run.
        case tiny
        /// Hours on a workstation.
        case small
        /// The paper's values: days on a cluster.
        case paper
    }

    /// What a run starts from when neither `--preset` nor the file names a preset.
    package static let standardPreset = Preset.small

    /// The values of a preset.
    package init(preset: Preset) {
        self.init()
        self.preset = preset
        preprocessing.settings.orientation = .canonical
        switch preset {
        case .paper: break
        case .small:
            rounds = 100
            localEpochs = 2
            learningRate = 3e-4
            width = 16
            size = VolumeSize(height: 128, width: 128)
            preprocessing.spacing = 1.75
        case .tiny:
            // As many steps as some minutes have, on volumes as small as still show the heart: what was best on validation
            // cases of phantoms (Comparisons.docc/Results.md).
            rounds = 14
            localEpochs = 2
            learningRate = 1e-2
            rateCourse = .polynomial
            warmupRounds = 1
            loss.diceClasses.background = false
            loss.diceClasses.absent = false
            width = 8
            size = VolumeSize(height: 40, width: 40)
            preprocessing.spacing = 4.2
            evaluateEvery = 4
            checkpoint.every = 2
            prediction.largestComponent = .both
            // Few steps are taken: they go to volumes as they are.
            augmentation.enabled = false
        }
    }
}
