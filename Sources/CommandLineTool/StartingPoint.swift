import ArgumentParser

/// Where the settings of a training start from, before `--set`.
struct StartingPoint: ParsableArguments {
    @Option(help: .init("Where settings start from: tiny, small (the default) or paper.", valueName: "name"))
    var preset: String?
    @Option(help: .init("A YAML file of settings.", valueName: "file"))
    var config: String?
}
