import CardiacMR

extension Configuration {
    /// The preprocessing as the imaging floor takes it.
    package var preprocessingSettings: PreprocessingSettings {
        PreprocessingSettings(
            spacing: preprocessing.spacing > 0 ? preprocessing.spacing : nil, height: size.height, width: size.width,
            depth: size.depth, clipPercentile: preprocessing.clipPercentile < 100 ? preprocessing.clipPercentile : nil,
            normalizes: preprocessing.normalize)
    }
}
