import FederatedLearning
import Files
import Methods

extension Configuration {
    /// The configuration of a new run: the preset's values, overridden by the file's, overridden by the options.
    ///
    /// The preset is the one that `--set preset=…` names, or else `--preset`, or else the file, or else
    /// `standardPreset`.
    /// - Parameters:
    ///   - preset: the argument of `--preset`.
    ///   - files: paths of YAML files, each over the one before.
    ///   - settings: the arguments of `--set`, each `key=value`; of several for one key the last counts.
    ///   - data: the argument of `--data`.
    ///   - leavesOutOtherMethods: whether settings of other methods than the run's are passed over, as those that several runs
    ///     have in common may be, instead of refused.
    /// - Throws: a configuration error that names key, place and the nearest valid key or what is accepted.
    package static func resolve(
        preset: String? = nil, files: [String] = [], settings: [String] = [], data: String? = nil,
        leavesOutOtherMethods: Bool = false
    ) throws(FederationError) -> Configuration {
        var all: [ConfigurationSetting] = []
        for file in files { all += try ConfigurationReader.settings(file: file) }
        return try resolve(
            fileSettings: all, preset: preset, options: settings, data: data,
            leavesOutOtherMethods: leavesOutOtherMethods)
    }

    /// The same with one file, or none.
    package static func resolve(
        preset: String? = nil, file: String?, settings: [String] = [], data: String? = nil
    ) throws(FederationError) -> Configuration {
        try resolve(preset: preset, files: [file].compactMap { $0 }, settings: settings, data: data)
    }

    /// The configuration in a YAML text of a program's making, such as a `config.yaml` that a run or a checkpoint holds.
    ///
    /// A key that it lacks is younger than the program, and has the value that leaves the computation as it was: not the
    /// preset's.
    /// - Parameter name: what errors call the text.
    package static func parse(yaml: String, name: String) throws(FederationError) -> Configuration {
        try resolve(
            fileSettings: ConfigurationReader.settings(yaml: yaml, name: name), preset: nil, options: [], data: nil,
            isComplete: true)
    }

    /// This configuration with the settings of some `--set key=value`, as when a run is resumed.
    ///
    /// Setting `preset` here gives the name only, which `changes(resuming:)` refuses.
    package func applying(settings: [String]) throws(FederationError) -> Configuration {
        var changed = self
        var all: [ConfigurationSetting] = []
        for text in settings { all += try ConfigurationReader.settings(option: text) }
        for setting in all { try setting.apply(to: &changed) }
        try Self.check(all, method)
        return changed
    }

    /// Makes the paths independent of the folder that the program was started in: a run is resumed and evaluated from others.
    package mutating func makePathsAbsolute() {
        data = data.map(Path.absolute)
        preprocessing.cache = preprocessing.cache.map(Path.absolute)
    }

    /// Checks a configuration that was changed in code as if it had been read from a file.
    package func validate() throws(FederationError) {
        var copy = self
        for key in Self.keys(of: method) {
            try ConfigurationSetting(name: key.name, value: key.write(self), place: .option("in code"))
                .apply(to: &copy)
        }
    }

    private static func resolve(
        fileSettings: [ConfigurationSetting], preset: String?, options: [String], data: String?,
        leavesOutOtherMethods: Bool = false, isComplete: Bool = false
    ) throws(FederationError) -> Configuration {
        var settings = fileSettings
        if let preset {
            settings.append(.init(name: "preset", value: .plain(preset), place: .option("--preset \(preset)")))
        }
        for text in options { settings += try ConfigurationReader.settings(option: text) }
        if let data { settings.append(.init(name: "data", value: .plain(data), place: .option("--data \(data)"))) }

        var presetOnly = Configuration(preset: standardPreset)
        for setting in settings where setting.name == "preset" { try setting.apply(to: &presetOnly) }
        var configuration = isComplete ? Configuration() : Configuration(preset: presetOnly.preset)
        for setting in settings { try setting.apply(to: &configuration) }
        if leavesOutOtherMethods {
            let standard = Settings()
            for other in MethodRegistry.all where other.about.name != configuration.method.rawValue {
                for setting in other.about.settings { configuration.methodSettings[setting] = standard[setting] }
            }
        } else {
            try check(settings, configuration.method)
        }
        return configuration
    }

    /// A setting of another method would have no effect.
    private static func check(_ settings: [ConfigurationSetting], _ method: Method) throws(FederationError) {
        for setting in settings {
            guard let owner = keys.first(where: { $0.name == setting.name })?.method, owner != method.rawValue else {
                continue
            }
            throw setting.error(
                reason: "it is a setting of the method \(owner), and the run's method is \(method.rawValue)",
                remedy: "leave it out, or set method to \(owner)")
        }
    }
}
