import CardiacMR

extension Configuration {
    /// The preprocessing as the imaging floor takes it.
    package var preprocessingSettings: PreprocessingSettings {
        var settings = preprocessing.settings
        (settings.depth, settings.height, settings.width) = (size.depth, size.height, size.width)
        return settings
    }
}
