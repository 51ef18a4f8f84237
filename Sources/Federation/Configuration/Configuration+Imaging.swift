import CardiacMR

extension Configuration {
    /// The preprocessing as the imaging floor takes it.
    package var preprocessingSettings: PreprocessingSettings {
        PreprocessingSettings(
            spacing: preprocessing.spacing > 0 ? preprocessing.spacing : nil, height: size.height, width: size.width,
            depth: size.depth, clipPercentile: preprocessing.clipPercentile < 100 ? preprocessing.clipPercentile : nil,
            normalizes: preprocessing.normalize)
    }

    /// The augmentation as the imaging floor takes it.
    package var augmentationSettings: AugmentationSettings {
        var settings = AugmentationSettings()
        settings.mirrorProbability = augmentation.mirrorProbability
        settings.rotationProbability = augmentation.rotation.probability
        settings.rotation = augmentation.rotation.range
        settings.scalingProbability = augmentation.scale.probability
        settings.scaling = augmentation.scale.range
        settings.elasticProbability = augmentation.elastic.probability
        settings.elasticStrength = augmentation.elastic.range
        settings.elasticSmoothing = augmentation.elasticSmoothing
        settings.gammaProbability = augmentation.gamma.probability
        settings.gamma = augmentation.gamma.range
        settings.brightnessProbability = augmentation.brightness.probability
        settings.brightness = augmentation.brightness.range
        settings.contrastProbability = augmentation.contrast.probability
        settings.contrast = augmentation.contrast.range
        settings.noiseProbability = augmentation.noise.probability
        settings.noise = augmentation.noise.range
        settings.blurProbability = augmentation.blur.probability
        settings.blur = augmentation.blur.range
        return settings
    }
}
